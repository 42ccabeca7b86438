/** The places where traces of a person can be, each with a receipt of its own when the person is erased. */
import { TOPICS } from './topics.ts';

export const ERASURE_PLACES = [
  'links', 'match_keys', 'decisions', 'dead_letters', 'waiting_hints', 'person_hashes', 'redis',
  ...TOPICS.map(({ name }) => `topic:${name}` as const), 'system:bevatel', 'system:external',
] as const;
export type ErasurePlace = (typeof ERASURE_PLACES)[number];

/**
 * `done`: nothing is left there. `expires`: it is gone by a known time. `asked`: a system was asked and has not answered yet.
 * `refused`: it could not be done, and why stands beside it. `not_asked`: a system that still has its record.
 */
export const RECEIPT_STATES = ['done', 'expires', 'asked', 'refused', 'not_asked'] as const;
export type ReceiptState = (typeof RECEIPT_STATES)[number];
