/** The hash behind a certificate's digest (domain/tally.ts): SHA-256 as a number. */
import { createHash } from 'node:crypto';

export function digestOf(text: string): bigint {
  return BigInt(`0x${createHash('sha256').update(text).digest('hex')}`);
}
