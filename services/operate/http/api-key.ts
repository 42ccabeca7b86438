/** The Bearer key of the operator's API, compared in constant time: neither its length nor its prefix can be measured. */
import { createHash, timingSafeEqual } from 'node:crypto';

export function bearerMatches(authorization: string | undefined, key: string): boolean {
  const match = /^Bearer (?<given>[^\s]+)$/i.exec(authorization ?? '');
  return timingSafeEqual(digestOf(match?.groups?.['given'] ?? ''), digestOf(key)) && match !== null;
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
