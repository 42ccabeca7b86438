/**
 * The producer behind kafka.ts: idempotent, acks = all, thrown away and made anew after every failed send, because the
 * client does not recover its sequence numbers by itself.
 */
import { Partitioners } from 'kafkajs';
import type { ICustomPartitioner, Kafka as KafkaClient, Producer } from 'kafkajs';
import { murmur2 } from './murmur2.ts';
import type { Message } from './publisher.ts';

/** The client's own rules with a hash that is fast: a given partition, else one by key, else in turn. */
const partitionByKey: ICustomPartitioner = () => {
  const inTurn = Partitioners.DefaultPartitioner();
  return (args) => {
    const { partitionMetadata, message: { key, partition } } = args;
    if (partition !== undefined || key === null || key === undefined) return inTurn(args);
    return (murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fff_ffff) % partitionMetadata.length;
  };
};

function groupByTopic(messages: readonly Message[]) {
  const byTopic = Map.groupBy(messages, (message) => message.topic);
  return [...byTopic].map(([topic, list]) => ({
    topic,
    messages: list.map(({ key, value, headers, partition }) => ({
      key, value, ...(headers ? { headers: { ...headers } } : {}), ...(partition === undefined ? {} : { partition }),
    })),
  }));
}

export interface KafkaProducer {
  /** Resolves at the acknowledgement of all; rejects with the client's error. */
  send(messages: readonly Message[]): Promise<void>;
  close(): Promise<void>;
}

/** `disconnect` closes a client's producer, within bounds. */
export function openProducer(client: KafkaClient, disconnect: (work: Promise<void>) => Promise<void>): KafkaProducer {
  let current: Promise<Producer> | undefined;
  async function connect(): Promise<Producer> {
    const producer = client.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, createPartitioner: partitionByKey });
    await producer.connect();
    return producer;
  }
  async function discard(): Promise<void> {
    const failed = current;
    current = undefined;
    await disconnect((async () => (await failed)?.disconnect())());
  }
  async function send(messages: readonly Message[]): Promise<void> {
    try {
      current ??= connect();
      await (await current).sendBatch({ acks: -1, topicMessages: groupByTopic(messages) });
    } catch (error) {
      void discard();
      throw error;
    }
  }
  return { send, close: discard };
}
