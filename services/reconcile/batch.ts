/**
 * One batch, one transaction, one order of effects (I7):
 * decode → [position from → to, identities locked if records are new, links locked, decided, written] → decisions published.
 *
 * Outcomes are named, never thrown: the consumer loop knows what to do with each.
 */
import type { Pool } from 'pg';
import { isMadeAgain } from '../../domain/gone.ts';
import type { Codec } from '../../runtime/codec.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Transaction } from '../../runtime/database.ts';
import type { KafkaRecord } from '../../runtime/kafka.ts';
import type { PersonHashes } from '../../runtime/person-hash.ts';
import type { ContactChange } from '../../schemas/change.ts';
import type { ContactDecision } from '../../schemas/decision.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Lane } from '../../schemas/value.ts';
import { insertDecisions } from '../../store/decisions.ts';
import { haltIntegration } from '../../store/integrations.ts';
import { deleteLinks, lockLinks, releaseRecords, saveLinks } from '../../store/links.ts';
import type { RecordRef, StoredLink } from '../../store/links.ts';
import { markListings } from '../../store/listing-marks.ts';
import { moveKeys } from '../../store/match-keys.ts';
import type { WantedKey } from '../../store/match-keys.ts';
import { queueMatching } from '../../store/match-queue.ts';
import { KnownRedirects, readRedirects } from '../../store/redirects.ts';
import type { OldId } from '../../store/redirects.ts';
import { insertErasures } from '../../store/erasures.ts';
import { movePosition } from '../../store/positions.ts';
import type { PositionKey } from '../../store/positions.ts';
import { insertDeadLetters, supersede } from '../../store/quarantine.ts';
import type { Quarantined } from '../../store/quarantine.ts';
import type { BookSnapshot, IntegrationBook } from '../../store/integration-book.ts';
import { decideBatch, needsMatching } from './decide-batch.ts';
import type { BatchInput, BatchResult, Spokes } from './decide-batch.ts';
import { erasuresOf, keptOut } from './erased-persons.ts';
import { GroupReachesFurther, lockGroups, NeedsMatching } from './identities.ts';
import { Workspace } from './workspace.ts';
import type { MappingOf } from './workspace.ts';

export interface BatchDeps {
  readonly pool: Pool;
  readonly codec: Codec<ContactChange>;
  /** Absent where no key is set: then an erasure stores no hashes, and a batch that would have to compare with stored ones is refused. */
  readonly personHashes?: PersonHashes | null;
  /** The integrations as last read; read anew when a transaction sees others. */
  readonly book: Pick<IntegrationBook, 'snapshot' | 'refresh'>;
  readonly clock: () => number;
  readonly newId: () => string;
}

export interface Batch {
  readonly key: PositionKey;
  readonly lane: Lane;
  readonly from: number;
  readonly to: number;
  readonly records: readonly KafkaRecord[];
  readonly relayed: { readonly offset: number; readonly at: number };
}

export type BatchOutcome =
  | { readonly kind: 'COMMITTED'; readonly decisions: readonly ContactDecision[]; readonly due: ReadonlyMap<string, { tenantId: string; integrationId: string }>; readonly quarantined: number; readonly decidedAt: number }
  | { readonly kind: 'ANOTHER_CONSUMER_WENT_ON' };

/** Throws SyncError `registry_unavailable` or a database error; both mean "again later", with nothing done. */
export async function processBatch(deps: BatchDeps, batch: Batch): Promise<BatchOutcome> {
  // A record without a value is a tombstone: an erasure made the log forget what was said under its key.
  const records = batch.records.filter((record) => record.value !== null);
  const decoded = await deps.codec.decodeAll(records.map((record) => record.value));
  const changes: { change: ContactChange; offset: number }[] = [];
  const dead: Quarantined[] = [];
  decoded.forEach((one, index) => {
    const record = records[index] as KafkaRecord;
    if (one.ok) changes.push({ change: one.value, offset: Number(record.offset) });
    else dead.push(deadLetter(deps, batch, record, null, null, one.error.code, null));
  });
  let matching: Matching | null = batch.lane === 'backfill' ? { further: [] } : null;
  for (;;) {
    try {
      return await inTransaction(deps.pool, (transaction) => commitBatch(transaction, { ...deps, ...deps.book.snapshot() }, batch, changes, dead, matching));
    } catch (error) {
      if (error instanceof NeedsMatching) matching = { further: [] };
      else if (error instanceof GroupReachesFurther) matching = { further: error.keys };
      else if (error instanceof IntegrationsMoved) await deps.book.refresh();
      else throw error;
    }
  }
}

/** Records of the batch are matched: by their own keys, and by those of others that hang together with them. */
interface Matching {
  readonly further: readonly WantedKey[];
}

/**
 * Ends the transaction without effects: an integration was applied since the book was read. A change that its listing
 * published must not be taken for one that concerns nobody.
 */
class IntegrationsMoved extends Error {}

type CommitDeps = BatchDeps & BookSnapshot;

async function commitBatch(transaction: Transaction, deps: CommitDeps, batch: Batch, changes: BatchInput['changes'], dead: readonly Quarantined[], matching: Matching | null): Promise<BatchOutcome> {
  // Sent together: neither needs the other's answer, and the position is locked first.
  const [moved, { workspace, redirects }] = await Promise.all([movePosition(transaction, batch.key, batch.from, batch.to, batch.relayed), openWorkspace(transaction, deps, changes, matching)]);
  if (moved.kind === 'ANOTHER_CONSUMER_WENT_ON') return moved;
  if (moved.integrations !== deps.mark) throw new IntegrationsMoved();
  const now = deps.clock();
  if (!matching && changes.some(({ change }) => deps.concernedBy(change).some((spoke) => needsMatching(workspace, spoke, change)))) throw new NeedsMatching();
  const erasedAs = matching && moved.isAnySuppressed ? await keptOut(transaction, deps, workspace, changes) : null;
  const result = decideBatch(workspace, { ...(erasedAs ? { erasedAs } : {}), changes, redirects, spokes: deps.concernedBy, source: `${batch.key.topic}-${batch.key.partition}`, lane: batch.lane, now, newId: deps.newId });
  const { inserted, updated, ended, released, queued } = workspace.writes();
  deleteLinks(transaction, ended, now);
  releaseRecords(transaction, released);
  saveLinks(transaction, inserted, updated, now);
  moveKeys(transaction, workspace.keyMoves(), now);
  queueMatching(transaction, queued, now);
  redirects.save(transaction, now);
  insertDecisions(transaction, result.decisions);
  insertErasures(transaction, erasuresOf(result.erased, deps.personHashes ?? null, now));
  const invalid = quarantined(deps, batch, result);
  insertDeadLetters(transaction, [...dead, ...invalid]);
  for (const link of result.halting) haltIntegration(transaction, link, { code: 'required_missing', message: `link ${link.linkId} lacks a required value`, at: now });
  if (moved.isAnyDead) supersedeValid(transaction, changes, result);
  markListings(transaction, changes.map(({ change }) => change).filter((change) => change.kind === 'listingEnded'), batch.key.partition, now);
  const due = new Map([...inserted, ...updated].map(({ link }) => [`${link.tenantId}|${link.integrationId}`, { tenantId: link.tenantId, integrationId: link.integrationId }]));
  return { kind: 'COMMITTED', decisions: result.decisions.map(({ decision }) => decision), due, quarantined: dead.length + invalid.length, decidedAt: now };
}

/** Links that share a Bevatel contact which one of these is having made again: they follow it. */
async function followersOf(transaction: Transaction, locked: readonly StoredLink[]): Promise<readonly StoredLink[]> {
  const led = locked.filter(({ link }) => isMadeAgain(link, 'bevatel'));
  if (led.length === 0) return [];
  const known = new Set(locked.map(({ link }) => `${link.integrationId}|${link.linkId}`));
  const sharing = await lockLinks(transaction, led.map(({ link }) => ({ tenantId: link.tenantId, integrationId: null, side: 'bevatel' as const, recordId: link.bevatelId ?? '' })));
  return sharing.filter(({ link }) => !known.has(`${link.integrationId}|${link.linkId}`));
}

interface Opened {
  readonly workspace: Workspace;
  readonly redirects: KnownRedirects;
}

async function openWorkspace(transaction: Transaction, deps: CommitDeps, changes: BatchInput['changes'], matching: Matching | null): Promise<Opened> {
  const told = changes.map(({ change }) => change).filter(({ kind }) => kind !== 'listingEnded');
  const records = told.flatMap((change) => recordsOf(change, deps.concernedBy, matching !== null));
  const mappingOf: MappingOf = ({ tenantId, integrationId }) => deps.find(tenantId, integrationId)?.context.mapping;
  if (!matching) return { workspace: new Workspace(await lockLinks(transaction, records), mappingOf, false), redirects: new KnownRedirects() };
  const redirects = await readRedirects(transaction, records.map(oldIdOf));
  const survivors = records.flatMap((record): RecordRef[] => {
    const id = redirects.resolve(oldIdOf(record));
    return id === record.recordId ? [] : [{ ...record, recordId: id }];
  });
  const stored = await lockGroups(transaction, deps, told, [...records, ...survivors], matching.further);
  await redirects.read(transaction, partnersIn(stored, told));
  return { workspace: new Workspace([...stored, ...await followersOf(transaction, stored)], mappingOf, true), redirects };
}

function oldIdOf({ tenantId, integrationId, side, recordId }: RecordRef): OldId {
  return { tenantId, integrationId: integrationId ?? '', side, id: recordId };
}

/** The partners of records that were merged: they may have been merged as well. */
function partnersIn(stored: readonly StoredLink[], changes: readonly ContactChange[]): readonly OldId[] {
  const merged = new Set(changes.flatMap(({ side, recordId, mergedInto, mergedIds }) => (mergedInto === null && mergedIds.length === 0 ? [] : [recordId, mergedInto ?? recordId, ...mergedIds].map((id) => `${side}/${id}`))));
  if (merged.size === 0) return [];
  return stored.flatMap(({ link: { tenantId, integrationId, bevatelId, externalId } }): OldId[] => {
    if (bevatelId === null || externalId === null) return [];
    return [
      ...(merged.has(`bevatel/${bevatelId}`) ? [{ tenantId, integrationId, side: 'external' as const, id: externalId }] : []),
      ...(merged.has(`external/${externalId}`) ? [{ tenantId, integrationId, side: 'bevatel' as const, id: bevatelId }] : []),
    ];
  });
}

/** The records whose links a change touches: its own, what it absorbed or went into, and while matching also the partners that it names. */
function recordsOf(change: ContactChange, spokes: Spokes, isMatching: boolean): RecordRef[] {
  const own = (recordId: string): RecordRef => ({ tenantId: change.tenantId, integrationId: change.integrationId, side: change.side, recordId });
  const records = [own(change.recordId), ...change.mergedIds.map(own)];
  if (change.mergedInto !== null) records.push(own(change.mergedInto));
  if (!isMatching) return records;
  return [...records, ...spokes(change).flatMap(({ integration }): RecordRef[] => {
    const partnerId = change.references[change.side === 'bevatel' ? integration.integration : 'bevatel'];
    return partnerId === undefined ? [] : [{ tenantId: change.tenantId, integrationId: integration.integration, side: otherSide(change.side), recordId: partnerId }];
  })];
}

function quarantined(deps: BatchDeps, batch: Batch, result: BatchResult): Quarantined[] {
  const records = new Map(batch.records.map((record) => [Number(record.offset), record]));
  return result.invalid.map(({ offset, change, integrationId, reason }) => deadLetter(deps, batch, records.get(offset) as KafkaRecord, change, integrationId, 'value_invalid', reason));
}

/** Its id comes from where it stood, so that a batch done again does not double it (I7). */
function deadLetter(deps: BatchDeps, batch: Batch, record: KafkaRecord, change: ContactChange | null, integrationId: string | null, code: string, detail: string | null): Quarantined {
  const { topic, partition } = batch.key;
  return {
    deadLetterId: [topic, partition, record.offset, ...(integrationId === null ? [] : [integrationId])].join(':'),
    tenantId: change?.tenantId ?? null, integrationId, side: change?.side ?? null, recordId: change?.recordId ?? null,
    code, detail, stage: 'reconcile', topic, partition, offset: String(record.offset),
    key: record.key, bytes: record.value ?? Buffer.alloc(0), deadAt: deps.clock(),
  };
}

function supersedeValid(transaction: Transaction, changes: BatchInput['changes'], result: BatchResult): void {
  const invalid = new Set(result.invalid.map(({ offset }) => offset));
  const valid = changes.filter(({ change, offset }) => change.kind === 'image' && !invalid.has(offset));
  if (valid.length > 0) supersede(transaction, valid.map(({ change }) => change));
}
