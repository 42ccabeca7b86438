/**
 * Publishing changes: encoded at once, sent together, resolved by Kafka's acknowledgement.
 *
 * A change that cannot travel (it does not fit the schema, or is larger than a record may be) is put into quarantine
 * and does not hold up the others (I8).
 */
import type { Codec } from '../../runtime/codec.ts';
import type { Message, Publisher } from '../../runtime/publisher.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import { changeKey, changesTopic, topicName } from '../../schemas/topics.ts';
import type { Lane } from '../../schemas/value.ts';
import type { CaptureMetrics } from './metrics.ts';

/** Below the broker's limit for one record, with room for its header. */
const MAX_CHANGE_BYTES = 4_000_000;

export interface PublishChangesOptions {
  readonly publisher: Publisher;
  readonly codec: Codec<ContactChange>;
  readonly topicPrefix: string;
  readonly metrics: CaptureMetrics;
  /** Keeps what cannot travel; resolves when it is stored. */
  readonly quarantine: (change: ContactChange, topic: string, error: SyncError) => Promise<void>;
}

export interface PublishChanges {
  /** Rejects with SyncError `kafka_unavailable`; the changes may then be published again (I7). */
  (changes: readonly ContactChange[], lane: Lane): Promise<void>;
}

export function createPublishChanges(options: PublishChangesOptions): PublishChanges {
  const { publisher, codec, topicPrefix, metrics, quarantine } = options;
  function encode(change: ContactChange): Buffer | SyncError {
    try {
      const bytes = codec.encode(change);
      return bytes.length <= MAX_CHANGE_BYTES ? bytes : new SyncError('record_invalid', `a change of ${bytes.length} bytes is larger than a record may be`);
    } catch (error) {
      if (isSyncError(error) && error.code === 'change_malformed') return error;
      throw error;
    }
  }
  return async (changes, lane) => {
    const topic = topicName(topicPrefix, changesTopic(lane));
    const messages: Message[] = [];
    for (const change of changes) {
      const encoded = encode(change);
      if (encoded instanceof SyncError) await quarantine(change, topic, encoded);
      else messages.push({ topic, key: changeKey(change), value: encoded });
    }
    await publisher.publish(messages);
    for (const [label, count] of Map.groupBy(changes, labelOf)) {
      const [side = '', capture = ''] = label.split(' ');
      metrics.changesPublished.inc({ lane, side, capture }, count.length);
    }
  };
}

function labelOf({ side, capture }: ContactChange): string {
  return `${side} ${capture}`;
}
