/**
 * Between typed events and the bytes on Kafka: Avro in the Confluent wire format, schemas in the registry.
 *
 * - `prepare()` registers every subject as BACKWARD_TRANSITIVE and must be awaited before `encode`; an incompatible
 *   schema is refused with SyncError `schema_incompatible` and nothing starts.
 * - `encode` is synchronous. `decodeNow` is synchronous for writer schemas seen before; `decode` asks the registry once
 *   for each schema id that it does not know and then translates the writer's schema into ours.
 * - Two faults are never mixed up (I8): `undecodable` says that these bytes are poison; `registry_unavailable` says that
 *   we cannot tell, so the caller pauses. An unknown schema id is poison only if the registry still has our own schemas.
 */
import { readFileSync } from 'node:fs';
import { COMPATIBILITY, SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import type { AvroSchema, RawAvroSchema } from '@kafkajs/confluent-schema-registry/dist/@types.js';
import type { ContactChange, ContactHint } from '../schemas/change.ts';
import type { ContactDecision, DeadLetter, GroupVerdict } from '../schemas/decision.ts';
import { SyncError } from '../schemas/errors.ts';
import { TOPICS, subjectName } from '../schemas/topics.ts';
import type { SchemaName } from '../schemas/topics.ts';

type Resolver = ReturnType<AvroSchema['createResolver']>;
/** What the registry's client returns: avsc's type under a narrower name. */
type AvroType = AvroSchema & Parameters<AvroSchema['createResolver']>[0];

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: SyncError };

export interface Codec<T> {
  encode(event: T): Buffer;
  /** The event, or undefined when its writer schema must be fetched first; throws SyncError `undecodable`. */
  decodeNow(bytes: Buffer): T | undefined;
  /** Throws SyncError `undecodable` or `registry_unavailable`. */
  decode(bytes: Buffer): Promise<T>;
  /** One result per entry, in order; poison becomes a result, only `registry_unavailable` is thrown. A null entry (tombstone) is undecodable. */
  decodeAll(entries: readonly (Buffer | null)[]): Promise<readonly Decoded<T>[]>;
}

export interface Codecs {
  readonly hints: Codec<ContactHint>;
  readonly changes: Codec<ContactChange>;
  readonly decisions: Codec<ContactDecision>;
  readonly deadLetters: Codec<DeadLetter>;
  /** Registers all subjects. Safe to repeat and to run in several processes at once. */
  prepare(): Promise<void>;
  /** Resolves when the registry answers with a schema of ours; for readiness. */
  check(): Promise<void>;
}

export interface CodecOptions {
  /** Base of the Confluent-compatible API (Apicurio: …/apis/ccompat/v7). */
  readonly registryUrl: string;
  readonly topicPrefix: string;
  /** Replaces the schemas in schemas/*.avsc; for checks of a future schema. */
  readonly schemas?: Partial<Record<SchemaName, RawAvroSchema>>;
  /** Longest wait for one answer of the registry (ms); to register may take several times as long. */
  readonly timeoutMs?: number;
  readonly clock?: () => number;
}

const HEADER_BYTES = 5;
/** Where events are written before their length is known. */
const scratch = { buffer: Buffer.allocUnsafeSlow(65_536) };
/** A registry that has just started checks its first schema slowly; nothing waits for that but the start. */
const REGISTER_PATIENCE = 6;
/** How long, and of how many schema ids, it is remembered that the registry does not know them. */
const UNKNOWN_MS = 60_000;
const MAX_UNKNOWN = 1_000;

export function readSchema(name: SchemaName): RawAvroSchema {
  return JSON.parse(readFileSync(new URL(`../schemas/${name}.avsc`, import.meta.url), 'utf8')) as RawAvroSchema;
}

/** The registry behind its library: bounded waits, and our own error codes. */
interface Registry {
  register(subject: string, schema: RawAvroSchema): Promise<number>;
  schemaOf(id: number): Promise<AvroType>;
  latestIdOf(subject: string): Promise<number>;
}

function statusOf(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null && 'status' in error && typeof error.status === 'number' ? error.status : undefined;
}

function registryError(error: unknown, operation: string): SyncError {
  if (error instanceof SyncError) return error;
  const status = statusOf(error);
  const incompatible = status === 409 || (error instanceof Error && error.name === 'ConfluentSchemaRegistryCompatibilityError');
  if (incompatible || status === 422) return new SyncError('schema_incompatible', `${operation}: the registry refused the schema`, { cause: error });
  const facts = status === undefined || status < 100 ? {} : { status };
  return new SyncError('registry_unavailable', `${operation}: the schema registry gave no usable answer`, { ...facts, operation, cause: error });
}

function openRegistry(url: string, timeoutMs: number): Registry {
  const client = new SchemaRegistry({ host: url.replace(/\/+$/, ''), retry: { retries: 2, initialRetryTimeInSecs: 0.1, maxRetryTimeInSecs: 1 } });
  async function bounded<T>(operation: string, work: Promise<T>, withinMs = timeoutMs): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new SyncError('registry_unavailable', `${operation}: no answer within ${withinMs} ms`, { operation })), withinMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    register: (subject, schema) => bounded(`register ${subject}`, client.register(schema, { subject, compatibility: COMPATIBILITY.BACKWARD_TRANSITIVE }), REGISTER_PATIENCE * timeoutMs)
      .then((answer) => answer.id, (error: unknown) => { throw registryError(error, `register ${subject}`); }),
    schemaOf: (id) => bounded(`schema ${id}`, client.getSchema(id)) as Promise<AvroType>,
    latestIdOf: (subject) => bounded(`latest of ${subject}`, client.getLatestSchemaId(subject))
      .catch((error: unknown) => { throw registryError(error, `latest of ${subject}`); }),
  };
}

/** How an event's shape maps to Avro where the two differ. */
interface Shape<T> {
  toAvro(event: T): object;
  fromAvro(decoded: T): T;
}

interface CodecParts<T> {
  readonly registry: Registry;
  readonly subjects: readonly string[];
  readonly schema: RawAvroSchema;
  readonly shape: Shape<T>;
  readonly clock: () => number;
}

interface PreparedCodec<T> extends Codec<T> {
  prepare(): Promise<void>;
  check(): Promise<void>;
}

function poison(reason: string, cause?: unknown): SyncError {
  return new SyncError('undecodable', reason, cause === undefined ? {} : { cause });
}

/** The writer's schema id, or a SyncError `undecodable`. */
function writerIdOf(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES) throw poison('shorter than a schema header');
  if (bytes[0] !== 0) throw poison('does not begin with the magic byte 0');
  return bytes.readInt32BE(1);
}

/** A header and what `write` puts behind it; `write` gives where it ended, or how many bytes it lacked as a negative number. */
function written(header: Buffer, write: (buffer: Buffer) => number): Buffer {
  let end = write(scratch.buffer);
  if (end < 0) {
    const larger = Buffer.allocUnsafeSlow(scratch.buffer.length - end);
    end = write(larger);
    header.copy(larger);
    return larger.subarray(0, end);
  }
  header.copy(scratch.buffer);
  return Buffer.from(scratch.buffer.subarray(0, end));
}

function createCodec<T extends object>({ registry, subjects, schema, shape, clock }: CodecParts<T>): PreparedCodec<T> {
  const resolvers = new Map<number, Resolver>();
  const unknownUntil = new Map<number, number>();
  const header = Buffer.alloc(HEADER_BYTES);
  let own: AvroType | undefined;

  function ours(): AvroType {
    if (!own) throw new Error(`${schema.name}: prepare() was not awaited`);
    return own;
  }
  async function prepare(): Promise<void> {
    for (const subject of subjects) {
      const id = await registry.register(subject, schema);
      const type = await registry.schemaOf(id);
      if (!own) {
        own = type;
        header.writeInt32BE(id, 1);
      }
      resolvers.set(id, own.createResolver(type));
    }
  }
  /** Learns how to read a writer's schema. An id that nobody knows is poison only while the registry is really ours. */
  async function learn(id: number): Promise<void> {
    let writer: AvroType;
    try {
      writer = await registry.schemaOf(id);
    } catch (error) {
      if (statusOf(error) !== 404) throw registryError(error, `schema ${id}`);
      const ownId = await registry.latestIdOf(subjects[0] ?? '');
      if (!resolvers.has(ownId)) throw new SyncError('registry_unavailable', `schema ${id} is unknown and the registry is not the one we registered with`);
      if (unknownUntil.size >= MAX_UNKNOWN) unknownUntil.clear();
      unknownUntil.set(id, clock() + UNKNOWN_MS);
      throw poison(`schema ${id} is unknown to the registry`);
    }
    try {
      resolvers.set(id, ours().createResolver(writer));
    } catch (error) {
      throw poison(`schema ${id} cannot be read as ${schema.name}`, error);
    }
  }
  function decodeNow(bytes: Buffer): T | undefined {
    const resolver = resolvers.get(writerIdOf(bytes));
    if (!resolver) return undefined;
    try {
      return shape.fromAvro(ours().fromBuffer(bytes.subarray(HEADER_BYTES), resolver) as T);
    } catch {
      throw poison('the bytes do not fit their schema');
    }
  }
  /** Names the paths that do not fit, never their values (I11). */
  function encode(event: T): Buffer {
    const avro = shape.toAvro(event);
    try {
      return written(header, (buffer) => ours().encode(avro, buffer, HEADER_BYTES));
    } catch {
      const faults: { path: string; message: string }[] = [];
      ours().isValid(avro, { errorHook: (path) => faults.push({ path: path.join('.'), message: 'has the wrong type' }) });
      throw new SyncError('change_malformed', `does not fit ${schema.name}: ${faults.map((fault) => fault.path).join(', ')}`, { faults });
    }
  }
  async function decode(bytes: Buffer): Promise<T> {
    const known = decodeNow(bytes);
    if (known) return known;
    const id = writerIdOf(bytes);
    if ((unknownUntil.get(id) ?? 0) > clock()) throw poison(`schema ${id} is unknown to the registry`);
    await learn(id);
    const learnt = decodeNow(bytes);
    if (!learnt) throw poison('the bytes do not fit their schema');
    return learnt;
  }
  async function decodeAll(entries: readonly (Buffer | null)[]): Promise<readonly Decoded<T>[]> {
    const results: Decoded<T>[] = [];
    for (const bytes of entries) {
      try {
        if (!bytes) throw poison('there is no value');
        results.push({ ok: true, value: decodeNow(bytes) ?? (await decode(bytes)) });
      } catch (error) {
        if (!(error instanceof SyncError) || error.code !== 'undecodable') throw error;
        results.push({ ok: false, error });
      }
    }
    return results;
  }
  return {
    prepare, encode, decodeNow, decode, decodeAll,
    check: async () => { await registry.latestIdOf(subjects[0] ?? ''); },
  };
}

/** An event whose Avro record is the very same object. */
function same<T extends object>(): Shape<T> {
  return { toAvro: (event) => event, fromAvro: (decoded) => decoded };
}

/** What was not told is null in Avro and absent in TypeScript; for times and actors the two mean the same. */
function withoutNulls(group: GroupVerdict): GroupVerdict {
  return Object.fromEntries(Object.entries(group).filter(([, told]) => told !== null)) as unknown as GroupVerdict;
}

const DECISION: Shape<ContactDecision> = {
  toAvro: (decision) => decision,
  fromAvro: (decoded) => ({ ...decoded, groups: decoded.groups.map(withoutNulls) }),
};

const DEAD_LETTER: Shape<DeadLetter> = {
  toAvro: (letter) => ({ ...letter, bytes: Buffer.from(letter.bytes), key: letter.key && Buffer.from(letter.key) }),
  fromAvro: (decoded) => decoded,
};

export function createCodecs(options: CodecOptions): Codecs {
  const registry = openRegistry(options.registryUrl, options.timeoutMs ?? 5_000);
  function codecOf<T extends object>(name: SchemaName, shape: Shape<T>): PreparedCodec<T> {
    const subjects = TOPICS.filter((topic) => topic.schema === name).map((topic) => subjectName(options.topicPrefix, topic.name));
    return createCodec<T>({ registry, subjects, schema: options.schemas?.[name] ?? readSchema(name), shape, clock: options.clock ?? Date.now });
  }
  const hints = codecOf<ContactHint>('contact-hint', same());
  const changes = codecOf<ContactChange>('contact-change', same());
  const decisions = codecOf<ContactDecision>('contact-decision', DECISION);
  const deadLetters = codecOf<DeadLetter>('dead-letter', DEAD_LETTER);
  return {
    hints, changes, decisions, deadLetters,
    prepare: async () => { await Promise.all([hints, changes, decisions, deadLetters].map((codec) => codec.prepare())); },
    check: () => changes.check(),
  };
}
