/**
 * Polling: asks the external system what changed since the watermark and publishes it as hints, so that a lost webhook
 * is repaired and a system without webhooks is heard at all.
 *
 * The watermark moves only after the hints have landed on Kafka. A page that promises more without moving on is an
 * error, never a loop. Absence from a poll proves nothing (I9).
 */
import type { Pool } from 'pg';
import type { PollPage, PollPosition } from '../../connectors/connector.ts';
import type { Codec } from '../../runtime/codec.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import type { Sleep } from '../../runtime/sleep.ts';
import type { ContactHint } from '../../schemas/change.ts';
import { SyncError } from '../../schemas/errors.ts';
import { HINTS_TOPIC, hintKey, topicName } from '../../schemas/topics.ts';
import type { Lane } from '../../schemas/value.ts';
import { moveWatermark, readWatermark } from '../../store/watermarks.ts';
import { withinDeadline } from './deadline.ts';
import type { LiveIntegration } from './integration-set.ts';
import { createPatience } from './patience.ts';
import type { Report } from './report.ts';

export interface PollOptions {
  readonly pool: Pool;
  readonly integration: LiveIntegration;
  readonly publisher: Publisher;
  readonly codec: Codec<ContactHint>;
  readonly topicPrefix: string;
  readonly report: Report;
  readonly onPolled: (at: number) => void;
  readonly timeoutMs: number;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly random: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
}

/** Polls until the signal ends. `onFirst` is called when the first watermark stands: what changes from then on is found. */
export async function runPoll(options: PollOptions, onFirst: () => void): Promise<void> {
  const { integration, report, random, sleep, signal } = options;
  const patience = createPatience({ firstMs: 500, lastMs: 60_000, random });
  const { everyMs } = integration.stored.config.poll;
  while (!signal.aborted) {
    let waitMs = everyMs;
    try {
      await pollOnce(options);
      patience.reset();
      report.succeeded(integration);
      onFirst();
    } catch (error) {
      if (signal.aborted) return;
      waitMs = patience.after(error);
      report.failed('poll', integration, error, waitMs);
    }
    await sleep(waitMs, signal);
  }
}

/** One poll to its end. Throws SyncError; the watermark then stands behind the last page that landed. */
export async function pollOnce(options: PollOptions): Promise<void> {
  const { pool, integration, timeoutMs: ms, clock, sleep, signal } = options;
  const key = { tenantId: integration.tenantId, integrationId: integration.integrationId, side: 'external' as const };
  const lane: Lane = integration.pushes() ? 'repair' : 'live';
  let position: PollPosition | null = (await readWatermark(pool, key))?.position ?? null;
  for (let more = true; more && !signal.aborted;) {
    const from = position;
    const page = await withinDeadline({ signal, ms, sleep }, (until) => integration.connector('external').changedSince(from, { lane, signal: until }));
    checkProgress(page, position);
    await publishHints(options, lane, page);
    const moved = await moveWatermark(pool, key, position, page.next, clock());
    if (moved === 'ANOTHER_POLL_WENT_ON') return;
    position = page.next;
    more = page.more;
  }
  options.onPolled(clock());
}

function checkProgress({ more, next }: PollPage, position: PollPosition | null): void {
  if (more && JSON.stringify(next) === JSON.stringify(position)) {
    throw new SyncError('unexpected_answer', 'a poll made no progress: its next position is the one that it began with', { operation: 'poll' });
  }
}

async function publishHints({ integration, publisher, codec, topicPrefix, clock, newId }: PollOptions, lane: Lane, { changed }: PollPage): Promise<void> {
  const { tenantId, integrationId } = integration;
  const receivedAt = clock();
  await publisher.publish(changed.map(({ id, revision, modifiedAt }) => {
    const hint: ContactHint = {
      hintId: newId(), tenantId, side: 'external', integrationId, recordId: id, lane, origin: 'poll', event: 'changed', field: null, value: null,
      revision, occurredAt: modifiedAt, receivedAt, mergedInto: null,
    };
    return { topic: topicName(topicPrefix, HINTS_TOPIC), key: hintKey(hint), value: codec.encode(hint) };
  }));
}
