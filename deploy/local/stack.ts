/**
 * What a stack is to everything that uses one: four addresses, and a way to let go of it.
 * Which of the three kinds it is was decided in `choose-stack.ts` and matters to nobody else.
 */

export type StackUrls = {
  readonly kafkaBrokers: readonly string[];
  /** Confluent-compatible API, without a slash at the end. */
  readonly schemaRegistryUrl: string;
  /** A database whose owner may create further databases; nothing is written into it (see `isolate.ts`). */
  readonly databaseUrl: string;
  readonly redisUrl: string;
};

export type StackKind = 'given' | 'docker' | 'embedded';

export type Stack = {
  readonly urls: StackUrls;
  readonly kind: StackKind;
  /** Stops what this process started; leaves alone what was there before. May be called twice. */
  stop(): Promise<void>;
};

/** A reason why no stack can be had, in words for the person at the terminal. */
export class StackUnavailable extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'StackUnavailable';
  }
}
