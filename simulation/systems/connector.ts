/** The port to a simulated system (connectors/connector.ts), as one process reaches it. */
import type { Connector, ListPage, PollPage, PollPosition } from '../../connectors/connector.ts';
import type { ReadResult, RecordImage } from '../../schemas/record.ts';
import type { Fact } from '../journal.ts';
import type { Network } from './network.ts';
import { imageOf, indexed, revisionOf, stateAt, stateOf } from './record.ts';
import type { RecordState, SimulatedRecord } from './record.ts';
import { isLive } from './system.ts';
import type { SimulatedSystem } from './system.ts';
import { serveMerge } from './merging.ts';
import { serveRemoval } from './removal.ts';
import { partnerSystem, serveWrite } from './write.ts';

export interface ConnectorOptions {
  readonly system: SimulatedSystem;
  readonly network: Network;
  readonly integration: string;
  readonly role: 'capture' | 'deliver';
  readonly personOf: (partnerId: string) => string;
  /** How old what a by-id read shows is (ms); asked once per read. */
  readonly staleness: () => number;
  readonly clock: () => number;
  readonly tell: (fact: Fact) => void;
}

export function connectorOf(options: ConnectorOptions): Connector {
  const { system, network, clock } = options;
  return {
    system: system.dials.kind,
    capabilities: system.capabilities,
    checkMapping: () => Promise.resolve([]),
    list: ({ cursor, fields }, { signal }) => network.call('read', signal, () => listed(system, cursor, fields, clock())),
    changedSince: (position, { signal }) => network.call('read', signal, () => changed(system, position, clock())),
    read: (ids, { fields, histories }, { signal }) => network.call('read', signal, () => {
      const asOf = clock() - options.staleness();
      return ids.map((id) => readOne(options, id, asOf, fields, histories));
    }),
    write: (operations, { fields }, { signal }) => {
      const sentAt = clock();
      for (const op of operations) if (op.kind === 'update') options.tell({ kind: 'sent', at: sentAt, system: system.name, record: op.id, attempt: op.attemptId, values: op.values });
      return network.call('write', signal, () => operations.map((op) => serveWrite(system, op, { ...options, sentAt, fields })));
    },
    remove: (operations, { fields }, { signal }) => {
      const sentAt = clock();
      return network.call('write', signal, () => operations.map((op) => serveRemoval(system, op, { ...options, sentAt, fields })));
    },
    merge: (operations, { signal }) => network.call('write', signal, () => operations.map((op) => serveMerge(system, op))),
    findByReference: (references, { fields }, { signal }) => network.call('read', signal, () => new Map(references.flatMap((reference): [string, RecordImage][] => {
      const record = system.referring(partnerSystem(system, options), reference);
      return record ? [[reference, imageOf(record.id, stateOf(record), system.capabilities, fields, false)]] : [];
    }))),
    recordUrl: () => null,
  };
}

function readOne({ system, role, clock, tell }: ConnectorOptions, id: string, asOf: number, fields: readonly string[], histories: boolean): ReadResult {
  const record = system.find(id);
  // A new record may be shown late, but is not denied: what a system denies is proof (I9).
  const state = record && (stateAt(record, asOf) ?? record.states[0]?.state);
  tell({ kind: 'read', at: clock(), system: system.name, record: id, by: role, asOf });
  if (!state) return { kind: 'gone', id, how: 'not_found' };
  if (typeof state.life === 'object') return { kind: 'merged', id, mergedInto: state.life.mergedInto };
  if (state.life === 'live') return { kind: 'found', id, record: imageOf(id, state, system.capabilities, fields, histories) };
  return { kind: 'gone', id, how: state.life === 'erased' && system.name !== 'bevatel' ? 'not_found' : state.life };
}

interface Indexed {
  readonly id: string;
  readonly state: RecordState;
}

/** What the index shows now of the records that it takes for live. */
function indexOf(system: SimulatedSystem, now: number): Indexed[] {
  return [...system.records.values()].flatMap((record: SimulatedRecord) => {
    const state = indexed(record, now);
    return state?.life === 'live' && isLive(record) ? [{ id: record.id, state }] : [];
  });
}

function listed(system: SimulatedSystem, cursor: string | null, fields: readonly string[], now: number): ListPage {
  const size = system.capabilities.batch.list;
  const all = indexOf(system, now).sort((a, b) => compare(a.id, b.id));
  const rest = all.filter(({ id }) => cursor === null || compare(id, cursor) > 0);
  const page = rest.slice(0, size);
  return {
    records: page.map(({ id, state }) => imageOf(id, state, system.capabilities, fields, false)),
    next: rest.length > size ? (page.at(-1)?.id ?? null) : null,
    total: null,
  };
}

/** A keyset over (modified, id) in a window that overlaps the one before by what the index may lag. */
function changed(system: SimulatedSystem, position: PollPosition | null, now: number): PollPage {
  const { clockAt, capabilities } = system;
  const begin = (from: number): PollPosition => ({ from, startedAt: null, at: 0, id: '' });
  if (position === null) return { changed: [], next: begin(clockAt - capabilities.indexLagMs), more: false };
  const startedAt = Number(position['startedAt'] ?? clockAt);
  const [at, id] = [Number(position['at']), String(position['id'])];
  const found = indexOf(system, now)
    .filter(({ state }) => state.modifiedAt >= Number(position['from']))
    .sort((a, b) => a.state.modifiedAt - b.state.modifiedAt || compare(a.id, b.id))
    .filter((one) => one.state.modifiedAt > at || (one.state.modifiedAt === at && compare(one.id, id) > 0));
  const page = found.slice(0, capabilities.batch.list);
  const last = page.at(-1);
  const more = found.length > page.length;
  return {
    changed: page.map((one) => ({ id: one.id, revision: revisionOf(capabilities, one.state), modifiedAt: capabilities.revisions === 'none' ? null : one.state.modifiedAt })),
    next: more && last ? { from: Number(position['from']), startedAt, at: last.state.modifiedAt, id: last.id } : begin(startedAt - capabilities.indexLagMs),
    more,
  };
}

function compare(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
