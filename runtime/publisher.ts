/**
 * Publishing with little latency and few requests: messages that arrive in the same turn of the event loop, or while a
 * send is on its way, go out together in the next one. One send is in flight at a time, so order is kept per partition.
 *
 * `publish` resolves when the brokers have acknowledged its messages (acks = all) and rejects with SyncError
 * `kafka_unavailable` when they have not; the messages may then be on the log or not, and the caller may publish them
 * again (I7). Nothing is remembered over a crash. The queue is bounded; beyond it `publish` rejects at once.
 */
import { SyncError } from '../schemas/errors.ts';
import { sleep } from './sleep.ts';

export interface Message {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Overrides the choice by key. */
  readonly partition?: number;
}

export interface Publisher {
  publish(messages: readonly Message[]): Promise<void>;
  /** Messages accepted and not yet acknowledged. */
  queued(): number;
  /** Waits for what was accepted; later calls of `publish` reject. */
  close(): Promise<void>;
}

export interface PublisherOptions {
  /** Sends and resolves at the acknowledgement of all messages. */
  readonly send: (messages: readonly Message[]) => Promise<void>;
  readonly maxQueued?: number;
  readonly maxQueuedBytes?: number;
  /** Bounds of one send. All messages of one partition travel as one record batch, which must stay below the topic's `max.message.bytes` (4 MiB, see kafka.ts). */
  readonly maxSend?: number;
  readonly maxSendBytes?: number;
  /** How long the first message waits for others (ms, default 0). */
  readonly lingerMs?: number;
}

interface Waiting {
  readonly messages: readonly Message[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function bytesOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { key, value }) => sum + 64 + (key?.length ?? 0) + (value?.length ?? 0), 0);
}

/** Cuts messages into sends that stay within both bounds; a message larger than the bound goes alone. */
export function cutIntoSends(messages: readonly Message[], maxSend: number, maxSendBytes: number): readonly (readonly Message[])[] {
  const sends: Message[][] = [];
  let current: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = bytesOf([message]);
    if (current.length > 0 && (current.length >= maxSend || bytes + size > maxSendBytes)) {
      sends.push(current);
      current = [];
      bytes = 0;
    }
    current.push(message);
    bytes += size;
  }
  if (current.length > 0) sends.push(current);
  return sends;
}

export function createPublisher(options: PublisherOptions): Publisher {
  const { send, maxQueued = 50_000, maxQueuedBytes = 33_554_432, maxSend = 4_000, maxSendBytes = 2_500_000, lingerMs = 0 } = options;
  const waiting: Waiting[] = [];
  let queued = 0;
  let queuedBytes = 0;
  let pump: Promise<void> | undefined;
  const closing = new AbortController();

  /** Whole calls, so that each resolves by its own acknowledgement; the first may exceed the bounds alone. */
  function takeCalls(): Waiting[] {
    let count = 0;
    let bytes = 0;
    let taken = 0;
    for (const call of waiting) {
      if (taken > 0 && (count + call.messages.length > maxSend || bytes + call.bytes > maxSendBytes)) break;
      count += call.messages.length;
      bytes += call.bytes;
      taken += 1;
    }
    return waiting.splice(0, taken);
  }
  async function sendCalls(calls: readonly Waiting[]): Promise<void> {
    try {
      for (const part of cutIntoSends(calls.flatMap((call) => call.messages), maxSend, maxSendBytes)) await send(part);
      for (const call of calls) call.resolve();
    } catch (error) {
      for (const call of calls) call.reject(error);
    } finally {
      for (const call of calls) {
        queued -= call.messages.length;
        queuedBytes -= call.bytes;
      }
    }
  }
  async function run(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      if (lingerMs > 0) await sleep(lingerMs, closing.signal);
      await sendCalls(takeCalls());
    }
    pump = undefined;
  }
  function publish(messages: readonly Message[]): Promise<void> {
    if (messages.length === 0) return Promise.resolve();
    if (closing.signal.aborted) return Promise.reject(new SyncError('kafka_unavailable', 'the publisher is closed'));
    const bytes = bytesOf(messages);
    if (queued > 0 && (queued + messages.length > maxQueued || queuedBytes + bytes > maxQueuedBytes)) {
      return Promise.reject(new SyncError('kafka_unavailable', `${queued} messages wait already for Kafka's acknowledgement`));
    }
    queued += messages.length;
    queuedBytes += bytes;
    return new Promise((resolve, reject) => {
      waiting.push({ messages, bytes, resolve, reject });
      pump ??= run();
    });
  }
  return {
    publish,
    queued: () => queued,
    close: async () => {
      closing.abort();
      await pump;
    },
  };
}
