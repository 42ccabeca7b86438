/**
 * The publisher library for Bevatel's contact service: contacts as Avro `ContactChange` on `contact.changes.<lane>`.
 *
 * `publish` resolves after Kafka's acknowledgement. When it rejects, the changes may be on the log or not; publish them
 * again: the version makes a repeat harmless (I7), and a late older version is recognised (I6). Publishing after the
 * contact's transaction has committed, from an outbox, is what makes it lossless; see `example.ts`.
 */
import { z } from 'zod';
import type { ContactChange } from '../../../schemas/change.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { changeKey, changesTopic, topicName } from '../../../schemas/topics.ts';
import type { Lane } from '../../../schemas/value.ts';
import type { PublishedChange } from './published-change.ts';
import { changeOfPublished, zPublishedChange } from './published-change.ts';

export interface ChangeMessage {
  readonly topic: string;
  /** Ids only (I11); keeps a contact's changes in one partition. */
  readonly key: string;
  readonly value: Buffer;
}

export interface ContactPublisherOptions {
  /** Avro in the registry's wire format: `createCodecs(…).changes.encode`. */
  readonly encode: (change: ContactChange) => Buffer;
  /** Resolves at the acknowledgement by all in-sync replicas: `kafka.publisher().publish`. */
  readonly send: (messages: readonly ChangeMessage[]) => Promise<void>;
  /** Empty in production. */
  readonly topicPrefix: string;
  readonly clock: () => number;
  /** Unique ids of changes. */
  readonly newId: () => string;
}

export interface ContactPublisher {
  /** Lane: `live` (default) for edits, `backfill` for a first load. Throws SyncError `change_malformed` with every fault of every change; then nothing was published. */
  publish(tenantId: string, changes: readonly PublishedChange[], lane?: Lane): Promise<void>;
}

const zChanges = z.array(zPublishedChange);

export function createContactPublisher({ encode, send, topicPrefix, clock, newId }: ContactPublisherOptions): ContactPublisher {
  return {
    publish: async (tenantId, changes, lane = 'live') => {
      const checked = zChanges.safeParse(changes);
      if (!checked.success) throw malformed(checked.error);
      const topic = topicName(topicPrefix, changesTopic(lane));
      const receivedAt = clock();
      const messages = checked.data.map((published) => {
        const change = changeOfPublished(published, { changeId: newId(), tenantId, receivedAt });
        return { topic, key: changeKey(change), value: encode(change) };
      });
      if (messages.length > 0) await send(messages);
    },
  };
}

function malformed(error: z.ZodError): SyncError {
  const faults = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  return new SyncError('change_malformed', `changes do not fit the contract: ${faults.map(({ path }) => path).join(', ')}`, { faults });
}
