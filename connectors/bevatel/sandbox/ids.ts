/** Contact ids: `c_` and 26 characters of Crockford's base 32, 10 of the time and 16 random, so they sort by birth. */
import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

export function newContactId(nowMs: number = Date.now()): string {
  let time = '';
  for (let rest = nowMs; time.length < 10; rest = Math.floor(rest / 32)) time = ALPHABET.charAt(rest % 32) + time;
  let random = '';
  for (const byte of randomBytes(16)) random += ALPHABET.charAt(byte % 32);
  return `c_${time}${random}`;
}
