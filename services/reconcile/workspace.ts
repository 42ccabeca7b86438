/**
 * The links of one batch in memory: found by record or by match key, changed one change after the other, and written
 * once at the end. In-batch duplicates meet each other here as they would in the table.
 */
import { dueOf } from '../../domain/due.ts';
import type { Link } from '../../domain/link.ts';
import { idOn } from '../../domain/link.ts';
import { LANES, SIDES } from '../../schemas/value.ts';
import type { Lane, Side } from '../../schemas/value.ts';
import type { LinkWrite, StoredLink } from '../../store/links.ts';
import type { MatchKeyRow } from '../../store/match-keys.ts';

/** A link of the batch; `stored` is null for a new one. */
export interface Entry {
  readonly stored: StoredLink | null;
  link: Link;
  lane: Lane | null;
  isChanged: boolean;
  /** Match keys while the link has one side; replaced when `keysChanged`. */
  matchKeys: readonly string[];
  keysChanged: boolean;
}

const NOBODY: readonly Entry[] = [];
const NO_KEYS: readonly string[] = [];

export class Workspace {
  readonly #entries = new Set<Entry>();
  /** By the record's id alone, on either side and of any tenant: those that share one are few, and an id is hashed once. */
  readonly #byRecord = new Map<string, Entry[]>();
  readonly #byKey = new Map<string, Set<Entry>>();

  constructor(stored: readonly StoredLink[], keys: readonly MatchKeyRow[]) {
    const keysOf = Map.groupBy(keys, (row) => `${row.tenantId}|${row.integrationId}|${row.linkId}`);
    for (const one of stored) {
      const { tenantId, integrationId, linkId } = one.link;
      const matchKeys = keys.length === 0 ? NO_KEYS : keysOf.get(`${tenantId}|${integrationId}|${linkId}`)?.map((row) => row.matchKey) ?? NO_KEYS;
      this.#add({ stored: one, link: one.link, lane: null, isChanged: false, matchKeys, keysChanged: false });
    }
  }

  find(tenantId: string, integrationId: string, side: Side, recordId: string): Entry | undefined {
    return this.#byRecord.get(recordId)?.find(({ link }) => idOn(link, side) === recordId && link.integrationId === integrationId && link.tenantId === tenantId);
  }

  /** Links of any integration that share this Bevatel contact. */
  siblings(link: Link): readonly Entry[] {
    if (link.bevatelId === null) return [];
    const all = this.#byRecord.get(link.bevatelId) ?? NOBODY;
    return all.length === 1 && all[0]?.link === link ? NOBODY : all.filter((entry) => entry.link !== link && entry.link.bevatelId === link.bevatelId && entry.link.tenantId === link.tenantId);
  }

  /** One-sided links that lack `missing` and carry any of the keys. */
  candidates(tenantId: string, integrationId: string, missing: Side, keys: readonly string[]): readonly Entry[] {
    const found = new Set<Entry>();
    for (const key of keys) {
      for (const entry of this.#byKey.get(`${tenantId}|${integrationId}|${key}`) ?? []) {
        if (idOn(entry.link, missing) === null && !entry.link.erased && !entry.link.state.hold && !entry.link.state.gone) found.add(entry);
      }
    }
    return [...found];
  }

  create(link: Link, matchKeys: readonly string[]): Entry {
    const entry: Entry = { stored: null, link, lane: null, isChanged: true, matchKeys, keysChanged: matchKeys.length > 0 };
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
    const wasDue = entry.stored !== null && dueOf(entry.stored.link, now) !== null;
    const current = entry.lane ?? (wasDue ? (entry.stored?.lane ?? null) : null);
    entry.lane = lane === null || (current !== null && LANES.indexOf(lane) >= LANES.indexOf(current)) ? current : lane;
    entry.link = link;
    entry.isChanged = true;
    for (const side of SIDES) if (idOn(before, side) !== idOn(link, side)) this.#index(entry, side);
  }

  /** Marks an erased link with the erasure that tells of it; its match keys go with its other traces. */
  erase(entry: Entry, erasureId: string): void {
    if (!entry.link.erased || entry.link.state.erasure !== undefined) return;
    entry.link = { ...entry.link, state: { ...entry.link.state, erasure: erasureId } };
    entry.isChanged = true;
  }

  /** The keys that a one-sided link is found by from now on; none for a pair. */
  setKeys(entry: Entry, keys: readonly string[]): void {
    if (keys.length === entry.matchKeys.length && keys.every((key, index) => key === entry.matchKeys[index])) return;
    this.#dropKeys(entry);
    entry.matchKeys = keys;
    entry.keysChanged = true;
    this.#addKeys(entry);
  }

  writes(): { inserted: LinkWrite[]; updated: LinkWrite[] } {
    const inserted: LinkWrite[] = [];
    const updated: LinkWrite[] = [];
    for (const entry of this.#entries) {
      if (entry.isChanged) (entry.stored ? updated : inserted).push({ link: entry.link, lane: entry.lane, lease: 'keep' });
    }
    return { inserted, updated };
  }

  keyChanges(): { links: Link[]; rows: MatchKeyRow[] } {
    const changed = [...this.#entries].filter((entry) => entry.keysChanged);
    return {
      links: changed.filter((entry) => entry.stored !== null).map((entry) => entry.link),
      rows: changed.flatMap((entry) => entry.matchKeys.map((matchKey): MatchKeyRow => ({
        tenantId: entry.link.tenantId, integrationId: entry.link.integrationId, linkId: entry.link.linkId,
        side: entry.link.bevatelId === null ? 'external' : 'bevatel', matchKey,
      }))),
    };
  }

  #add(entry: Entry): void {
    this.#entries.add(entry);
    for (const side of SIDES) this.#index(entry, side);
    this.#addKeys(entry);
  }

  #index(entry: Entry, side: Side): void {
    const id = idOn(entry.link, side);
    if (id === null) return;
    const list = this.#byRecord.get(id);
    if (list) list.push(entry);
    else this.#byRecord.set(id, [entry]);
  }

  #addKeys(entry: Entry): void {
    for (const key of entry.matchKeys) {
      const name = `${entry.link.tenantId}|${entry.link.integrationId}|${key}`;
      const set = this.#byKey.get(name);
      if (set) set.add(entry);
      else this.#byKey.set(name, new Set([entry]));
    }
  }

  #dropKeys(entry: Entry): void {
    for (const key of entry.matchKeys) this.#byKey.get(`${entry.link.tenantId}|${entry.link.integrationId}|${key}`)?.delete(entry);
  }
}
