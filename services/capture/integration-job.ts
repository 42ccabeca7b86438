/**
 * What one process at a time does for an integration: read what was parked, poll, and list both sides.
 *
 * The external side is listed only after the first watermark stands, so that an edit during the listing is found by the
 * next poll even if its webhook is lost.
 */
import type { ListingOptions } from './listing.ts';
import { keepListed } from './listing.ts';
import type { PollOptions } from './poll.ts';
import { runPoll } from './poll.ts';
import type { WaitingOptions } from './waiting.ts';
import { readWaiting } from './waiting.ts';

export interface IntegrationJobParts {
  readonly waiting: Omit<WaitingOptions, 'signal'>;
  readonly poll: Omit<PollOptions, 'signal'>;
  readonly listing: (side: 'bevatel' | 'external') => Omit<ListingOptions, 'signal'>;
}

/** Runs until the signal ends; when one part fails for good all end, and the job is begun again. */
export async function runIntegrationJob(parts: IntegrationJobParts, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);
  const firstWatermark = Promise.withResolvers<void>();
  until.addEventListener('abort', () => firstWatermark.resolve(), { once: true });
  const listing = (side: 'bevatel' | 'external'): Promise<void> => keepListed({ ...parts.listing(side), signal: until });
  const running = [
    readWaiting({ ...parts.waiting, signal: until }),
    runPoll({ ...parts.poll, signal: until }, firstWatermark.resolve),
    firstWatermark.promise.then(() => listing('external')),
    listing('bevatel'),
  ];
  const outcomes = await Promise.allSettled(running.map((part) => part.catch((error: unknown) => {
    failed.abort();
    throw error;
  })));
  const fault = outcomes.find((outcome) => outcome.status === 'rejected');
  if (fault) throw fault.reason;
}
