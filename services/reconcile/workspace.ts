/**
 * The links of one batch in memory: found by record or by match key, changed one change after the other, and written
 * once at the end. In-batch duplicates meet each other here as they would in the table.
 */
import { dueOf } from '../../domain/due.ts';
import { isMadeAgain } from '../../domain/gone.ts';
import type { Mapping } from '../../domain/lenses/mapping.ts';
import type { Link } from '../../domain/link.ts';
import { idOn } from '../../domain/link.ts';
import { keyChange, keysOn } from '../../domain/match.ts';
import { LANES, SIDES } from '../../schemas/value.ts';
import type { Lane, Side } from '../../schemas/value.ts';
import type { LinkKey, LinkWrite, ReleasedRecord, StoredLink } from '../../store/links.ts';
import type { KeyMove } from '../../store/match-keys.ts';

/** A link of the batch; `stored` is null for a new one. */
export interface Entry {
  readonly stored: StoredLink | null;
  link: Link;
  lane: Lane | null;
  isChanged: boolean;
  /** It went into another link. */
  isEnded: boolean;
}

/** The mapping of an integration; undefined for one that is not known. */
export type MappingOf = (integration: Pick<LinkKey, 'tenantId' | 'integrationId'>) => Mapping | undefined;

const NOBODY: readonly Entry[] = [];

export class Workspace {
  readonly #entries = new Set<Entry>();
  readonly #mappingOf: MappingOf;
  /** By the record's id alone, on either side and of any tenant: those that share one are few, and an id is hashed once. */
  readonly #byRecord = new Map<string, Entry[]>();
  /** Null where nobody is matched: then no keys are made. */
  readonly #byKey: Map<string, Set<Entry>> | null;
  readonly #queued = new Set<Entry>();
  readonly #released = new Map<Entry, Side>();
  /** Links whose Bevatel contact was made again, as they were before. */
  readonly #led = new Map<string, Link>();

  constructor(stored: readonly StoredLink[], mappingOf: MappingOf, isMatching: boolean) {
    this.#mappingOf = mappingOf;
    this.#byKey = isMatching ? new Map() : null;
    for (const one of stored) this.#add({ stored: one, link: one.link, lane: null, isChanged: false, isEnded: false });
  }

  /** The link as it was before this contact took the place of another one in it, in this batch or now; undefined when none did. */
  leader(tenantId: string, integrationId: string, externalId: string, bevatelId: string): Link | undefined {
    const link = this.find(tenantId, integrationId, 'external', externalId)?.link;
    if (link && link.bevatelId === bevatelId) return this.#led.get(link.linkId);
    return link && isMadeAgain(link, 'bevatel') ? link : undefined;
  }

  find(tenantId: string, integrationId: string, side: Side, recordId: string): Entry | undefined {
    return this.#byRecord.get(recordId)?.find(({ link, isEnded }) => idOn(link, side) === recordId && link.integrationId === integrationId && link.tenantId === tenantId && !isEnded);
  }

  all(): Iterable<Entry> {
    return this.#entries;
  }

  /** Links of any integration that share this Bevatel contact. */
  siblings(link: Link): readonly Entry[] {
    if (link.bevatelId === null) return [];
    const all = this.#byRecord.get(link.bevatelId) ?? NOBODY;
    return all.length === 1 && all[0]?.link === link ? NOBODY : all.filter((entry) => entry.link !== link && entry.link.bevatelId === link.bevatelId && entry.link.tenantId === link.tenantId && !entry.isEnded);
  }

  /** Whether the links that hang together with its records are here as well. */
  get isMatching(): boolean {
    return this.#byKey !== null;
  }

  /** Links whose records bear the key, in the order of their ids; none where nobody is matched. */
  bearers({ tenantId, integrationId }: Pick<LinkKey, 'tenantId' | 'integrationId'>, key: string): readonly Entry[] {
    const found = this.#byKey?.get(`${tenantId}|${integrationId}|${key}`);
    return found ? [...found].sort((a, b) => (a.link.linkId < b.link.linkId ? -1 : 1)) : NOBODY;
  }

  create(link: Link): Entry {
    const entry: Entry = { stored: null, link, lane: null, isChanged: true, isEnded: false };
    this.#add(entry);
    return entry;
  }

  /**
   * Puts the link's new state in place; the lane only where it makes the work more urgent. Null leaves the urgency of a
   * link that waits already: our own writes come back in the live lane and are no reason to hurry.
   */
  change(entry: Entry, link: Link, lane: Lane | null, now: number): void {
    const before = entry.link;
    if (link === before) return;
    if (before.bevatelId !== null && before.bevatelId !== link.bevatelId && isMadeAgain(before, 'bevatel')) this.#led.set(link.linkId, before);
    const current = this.laneOf(entry, now);
    entry.lane = lane === null || (current !== null && LANES.indexOf(lane) >= LANES.indexOf(current)) ? current : lane;
    this.#unindexKeys(entry);
    entry.link = link;
    entry.isChanged = true;
    this.#indexKeys(entry);
    for (const side of SIDES) if (idOn(before, side) !== idOn(link, side)) this.#index(entry, side);
  }

  /** How urgent the link's work is; null where none is due. */
  laneOf(entry: Entry, now: number): Lane | null {
    if (entry.lane !== null || entry.stored === null) return entry.lane;
    return dueOf(entry.stored.link, now) === null ? null : entry.stored.lane;
  }

  /** The link goes into another, and its row away. */
  end(entry: Entry): void {
    this.#unindexKeys(entry);
    entry.isEnded = true;
    this.#queued.delete(entry);
  }

  /** Another link of the batch gets this one's record of a side. */
  release(entry: Entry, side: Side): void {
    if (entry.stored) this.#released.set(entry, side);
  }

  /** Marks an erased link with the erasure that tells of it. */
  erase(entry: Entry, erasureId: string): void {
    if (!entry.link.erased || entry.link.state.erasure !== undefined) return;
    entry.link = { ...entry.link, state: { ...entry.link.state, erasure: erasureId } };
    entry.isChanged = true;
  }

  /** Who the link's partner is, is found out later (store/match-queue.ts). */
  queue(entry: Entry): void {
    this.#queued.add(entry);
  }

  writes(): { inserted: LinkWrite[]; updated: LinkWrite[]; ended: LinkKey[]; released: ReleasedRecord[]; queued: LinkKey[] } {
    const inserted: LinkWrite[] = [];
    const updated: LinkWrite[] = [];
    const ended: LinkKey[] = [];
    for (const entry of this.#entries) {
      if (entry.isEnded && entry.stored) ended.push(entry.stored.link);
      else if (entry.isChanged && !entry.isEnded) (entry.stored ? updated : inserted).push({ link: entry.link, lane: entry.lane, lease: 'keep' });
    }
    return {
      inserted, updated, ended, queued: [...this.#queued].map(({ link }) => link),
      released: [...this.#released].map(([{ link }, side]) => ({ link, side })),
    };
  }

  keyMoves(): KeyMove[] {
    const moves: KeyMove[] = [];
    for (const { stored, link, isChanged, isEnded } of this.#entries) {
      const mapping = isChanged && !isEnded ? this.#mappingOf(link) : undefined;
      const change = mapping ? keyChange(mapping, stored?.link ?? null, link) : null;
      if (change) moves.push({ link, change });
    }
    return moves;
  }

  #add(entry: Entry): void {
    this.#entries.add(entry);
    for (const side of SIDES) this.#index(entry, side);
    this.#indexKeys(entry);
  }

  #index(entry: Entry, side: Side): void {
    const id = idOn(entry.link, side);
    if (id === null) return;
    const list = this.#byRecord.get(id);
    if (list) list.push(entry);
    else this.#byRecord.set(id, [entry]);
  }

  #indexKeys(entry: Entry): void {
    if (!this.#byKey) return;
    for (const name of this.#keyNames(entry)) {
      const set = this.#byKey.get(name);
      if (set) set.add(entry);
      else this.#byKey.set(name, new Set([entry]));
    }
  }

  #unindexKeys(entry: Entry): void {
    if (this.#byKey) for (const name of this.#keyNames(entry)) this.#byKey.get(name)?.delete(entry);
  }

  #keyNames({ link }: Entry): readonly string[] {
    const mapping = this.#mappingOf(link);
    return mapping ? SIDES.flatMap((side) => keysOn(mapping, link, side).map(({ key }) => `${link.tenantId}|${link.integrationId}|${key}`)) : [];
  }
}
