/** Publishes the same change to every partition of a lane's topic; for the marks at the end of a listing. */
import type { Codec } from '../../runtime/codec.ts';
import type { Kafka } from '../../runtime/kafka.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { changeKey, changesTopic, topicName } from '../../schemas/topics.ts';
import type { Lane } from '../../schemas/value.ts';

export interface PublishMarksOptions {
  readonly kafka: Pick<Kafka, 'ranges'>;
  readonly publisher: Publisher;
  readonly codec: Codec<ContactChange>;
  readonly topicPrefix: string;
}

/** Resolves when all partitions have acknowledged it. */
export function createPublishMarks({ kafka, publisher, codec, topicPrefix }: PublishMarksOptions) {
  return async (lane: Lane, mark: (partitions: number) => ContactChange): Promise<void> => {
    const topic = topicName(topicPrefix, changesTopic(lane));
    const partitions = (await kafka.ranges([topic])).map(({ partition }) => partition);
    const change = mark(partitions.length);
    const value = codec.encode(change);
    await publisher.publish(partitions.map((partition) => ({ topic, partition, key: changeKey(change), value })));
  };
}
