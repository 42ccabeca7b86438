/**
 * Reads what the hints of one integration speak of: gathers them for a few milliseconds, drops those that need no read,
 * reads the rest in batches, publishes the images, and only then calls them done.
 *
 * - One record is read by one call at a time. A hint that comes while its record is being read causes another read
 *   afterwards, so that the last image published was read after the last hint came.
 * - While the system is away, throttled beyond the call's deadline or paused, hints are parked in the database, so that
 *   other integrations on the same partitions go on (I8, I10); services/capture/waiting.ts reads them later.
 * - Kafka or the database being away is waited for; nothing is called done without its effect.
 */
import type { Sleep } from '../../runtime/sleep.ts';
import { isSyncError } from '../../schemas/errors.ts';
import type { ContactHint } from '../../schemas/change.ts';
import { LANES } from '../../schemas/value.ts';
import type { Lane } from '../../schemas/value.ts';
import type { HintFacts } from '../../store/hint-facts.ts';
import type { HintVerdict } from './hint-verdict.ts';
import { verdictOnHint } from './hint-verdict.ts';
import type { HintWork } from './hint-work.ts';
import type { LiveIntegration } from './integration-set.ts';
import type { ReadRecords } from './read-records.ts';

/** A hint with its place on the log and what to do when it is done. */
export interface TrackedHint {
  readonly hint: ContactHint;
  readonly key: Buffer | null;
  readonly bytes: Buffer;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly done: () => void;
}

/** All hints of one record that have come and are not answered yet. */
interface Entry {
  readonly key: string;
  readonly hints: TrackedHint[];
  readonly firstAt: number;
  /** Not looked at again before (our clock). */
  notBefore: number;
}

export interface RecordReaderOptions {
  readonly work: HintWork;
  /** Null when the integration was removed meanwhile. */
  readonly integration: () => LiveIntegration | null;
  readonly coalesceMs: number;
  /** How long the answer to a write of ours is waited for before the record is read after all. */
  readonly maxWaitMs: number;
  readonly maxConcurrent: number;
  /** Beyond so many records hints are parked. */
  readonly maxPending: number;
  readonly signal: AbortSignal;
  readonly clock: () => number;
  readonly sleep: Sleep;
}

const LOOK_AGAIN_MS = 20;
/** Records per run, so that one integration cannot fill the windows of all partitions with reads under way. */
const MAX_AT_ONCE = 200;

export class RecordReader {
  readonly #options: RecordReaderOptions;
  readonly #pending = new Map<string, Entry>();
  readonly #reading = new Set<string>();
  #running = 0;
  #timer: { readonly at: number; readonly cancel: AbortController } | undefined;
  /** Hints go straight to the parking place until then. */
  #blockedUntil = 0;

  constructor(options: RecordReaderOptions) {
    this.#options = options;
  }

  add(tracked: TrackedHint): void {
    const key = `${tracked.hint.side}/${tracked.hint.recordId}`;
    const known = this.#pending.get(key);
    const now = this.#options.clock();
    if (known) known.hints.push(tracked);
    else this.#pending.set(key, { key, hints: [tracked], firstAt: now, notBefore: now });
    this.#schedule(this.#options.coalesceMs);
  }

  #schedule(ms: number): void {
    const { signal, clock, sleep } = this.#options;
    const at = clock() + ms;
    if (signal.aborted || (this.#timer && this.#timer.at <= at)) return;
    this.#timer?.cancel.abort();
    const timer = { at, cancel: new AbortController() };
    this.#timer = timer;
    void sleep(ms, timer.cancel.signal).then(() => {
      if (this.#timer !== timer) return;
      this.#timer = undefined;
      this.#flush();
    });
  }

  #flush(): void {
    const { maxConcurrent, clock, signal } = this.#options;
    if (signal.aborted || this.#running >= maxConcurrent) return;
    const now = clock();
    const allReady = [...this.#pending.values()].filter((entry) => entry.notBefore <= now && !this.#reading.has(entry.key));
    const ready = allReady.slice(0, MAX_AT_ONCE);
    if (ready.length === 0) {
      if (this.#pending.size > 0) this.#schedule(LOOK_AGAIN_MS);
      return;
    }
    for (const { key } of ready) {
      this.#pending.delete(key);
      this.#reading.add(key);
    }
    this.#running += 1;
    void this.#answer(ready).finally(() => {
      this.#running -= 1;
      for (const { key } of ready) this.#reading.delete(key);
      if (this.#pending.size > 0) this.#schedule(this.#options.coalesceMs);
    });
    if (this.#pending.size > 0) this.#schedule(allReady.length > ready.length ? 0 : LOOK_AGAIN_MS);
  }

  /** Never throws: what cannot be done now is parked, put back or repeated. */
  async #answer(entries: readonly Entry[]): Promise<void> {
    const { work, clock, maxPending } = this.#options;
    const integration = this.#options.integration();
    if (!integration) return work.drop(entries.flatMap(({ hints }) => hints), 'unknown_integration');
    const isErasure = ({ hints }: Entry): boolean => hints.some(({ hint }) => hint.event === 'erased');
    await work.erase(integration, entries.filter(isErasure).flatMap(({ hints }) => hints));
    const rest = entries.filter((entry) => !isErasure(entry));
    if (integration.stored.paused || this.#blockedUntil > clock() || this.#pending.size > maxPending) return work.park(rest.map(hintsOf));
    const toRead = await this.#dismiss(integration, rest);
    if (this.#options.signal.aborted) return;
    await Promise.all(groupForReading(toRead).map((group) => this.#read(integration, group)));
  }

  /** Calls the hints done that need no read, puts those back that wait for an answer, and gives the others. */
  async #dismiss(integration: LiveIntegration, entries: readonly Entry[]): Promise<readonly Entry[]> {
    const { work, clock, maxWaitMs } = this.#options;
    const rules = { fields: new Set(integration.fields.external), referenceField: integration.stored.config.connection.referenceProperty };
    const mapped = entries.flatMap(({ hints }) => hints.map(({ hint }) => hint)).filter((hint) => verdictOnHint(hint, undefined, rules) !== 'not_mapped');
    const facts = new FactsIndex(mapped.length > 0 ? await work.factsOf(integration, mapped) : []);
    let creating: Promise<boolean> | undefined;
    /** Asked at most once, and only when a record has no link. */
    const isCreating = (): Promise<boolean> => (creating ??= work.isCreating(integration));
    const toRead: Entry[] = [];
    for (const entry of entries) {
      const link = facts.linkOf(entry, rules.referenceField);
      const told = verdictOnRecord(entry.hints.map(({ hint }) => verdictOnHint(hint, link, rules)));
      const verdict = told === 'read' && !link && isPlainNews(entry) && (await isCreating()) ? 'wait' : told;
      const isLate = clock() - entry.firstAt >= maxWaitMs;
      if (verdict === 'read' || (verdict === 'wait' && isLate)) toRead.push(entry);
      else if (verdict === 'wait') this.#putBack(entry);
      else work.drop(entry.hints, verdict);
    }
    return toRead;
  }

  /** The longer it has waited, the longer it waits for the next look: a backfill's answers take seconds, an edit's none. */
  #putBack(entry: Entry): void {
    const newer = this.#pending.get(entry.key)?.hints ?? [];
    const now = this.#options.clock();
    const waitMs = Math.max(LOOK_AGAIN_MS, (now - entry.firstAt) / 2);
    this.#pending.set(entry.key, { ...entry, hints: [...entry.hints, ...newer], notBefore: now + waitMs });
  }

  async #read(integration: LiveIntegration, { side, lane, entries }: ReadGroup): Promise<void> {
    const { work, signal } = this.#options;
    const alongside = entries.flatMap(({ hints }) => hints.flatMap(({ hint }) => (hint.mergedInto === null ? [] : [hint.mergedInto])));
    let result: ReadRecords;
    try {
      result = await work.read({ integration, side, lane, ids: entries.map(recordIdOf), alongside, signal });
    } catch (error) {
      if (signal.aborted) return;
      this.#blockedUntil = work.waitAfter(integration, error);
      return work.park(entries.map(hintsOf));
    }
    await work.publish(result.changes, lane);
    if (signal.aborted) return;
    const faulty = new Map(result.faults.map(({ id, error }) => [id, error]));
    for (const entry of entries) {
      const error = faulty.get(recordIdOf(entry));
      if (error && isSyncError(error)) await work.bury(entry.hints, error);
      else work.finish(entry.hints, 'read');
    }
    this.#blockedUntil = 0;
    work.succeeded(integration);
  }
}

interface ReadGroup {
  readonly side: ContactHint['side'];
  readonly lane: Lane;
  readonly entries: readonly Entry[];
}

function recordIdOf({ hints }: Entry): string {
  return hints[0]?.hint.recordId ?? '';
}

function hintsOf({ hints }: Entry): readonly TrackedHint[] {
  return hints;
}

/** By side, and by the most urgent lane of each record's hints. */
function groupForReading(entries: readonly Entry[]): ReadGroup[] {
  const laneOf = ({ hints }: Entry): Lane => LANES[Math.min(...hints.map(({ hint }) => LANES.indexOf(hint.lane)))] ?? 'live';
  const groups = Map.groupBy(entries, (entry) => `${entry.hints[0]?.hint.side} ${laneOf(entry)}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ side: first.hints[0]?.hint.side ?? 'external', lane: laneOf(first), entries: group }] : [];
  });
}

/** Finds the record's own link, else the one whose Bevatel id a notification of the reference names. */
class FactsIndex {
  readonly #byRecord = new Map<string, HintFacts>();
  readonly #byPartner = new Map<string, HintFacts>();

  constructor(facts: readonly HintFacts[]) {
    for (const one of facts) {
      if (one.externalId !== null) this.#byRecord.set(one.externalId, one);
      else if (one.bevatelId !== null) this.#byPartner.set(one.bevatelId, one);
    }
  }

  linkOf({ hints }: Entry, referenceField: string): HintFacts | undefined {
    const partner = hints.find(({ hint }) => hint.field === referenceField)?.hint.value;
    return this.#byRecord.get(hints[0]?.hint.recordId ?? '') ?? this.#byPartner.get(partner ?? '');
  }
}

/** Nothing but notifications that a record was created or changed: what a creation of ours causes. */
function isPlainNews({ hints }: Entry): boolean {
  return hints.every(({ hint }) => hint.side === 'external' && (hint.origin === 'webhook' || hint.origin === 'poll') && (hint.event === 'created' || hint.event === 'changed'));
}

/** One hint that needs a read makes the record read; one that must wait makes it wait. */
function verdictOnRecord(verdicts: readonly HintVerdict[]): HintVerdict {
  return verdicts.find((verdict) => verdict === 'read') ?? verdicts.find((verdict) => verdict === 'wait') ?? verdicts[0] ?? 'read';
}
