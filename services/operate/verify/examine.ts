/**
 * Reads records as they are now, in batches, and says of each link or stray what it shows (domain/verify.ts). Writes
 * nothing, and counts its calls.
 */
import type { Pool } from 'pg';
import type { LinkContext } from '../../../domain/context.ts';
import { idOn } from '../../../domain/link.ts';
import type { Link } from '../../../domain/link.ts';
import type { Examined, Subject } from '../../../domain/tally.ts';
import { examineOneSided, examinePair, isDoubtful, strayFinding, withPending } from '../../../domain/verify.ts';
import type { LiveRecord, Pending } from '../../../domain/verify.ts';
import { isSyncError } from '../../../schemas/errors.ts';
import type { SyncError } from '../../../schemas/errors.ts';
import type { ReadResult } from '../../../schemas/record.ts';
import { SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { readLinks, unlinkedIds } from '../../../store/conflicts.ts';
import type { IntegrationKey } from '../../../store/integrations.ts';
import { openDeadLettersOf } from '../../../store/quarantine.ts';
import { waitingAmong } from '../../../store/waiting-hints.ts';
import type { SideReaders } from '../plan/side-reader.ts';

export interface Examining {
  readonly pool: Pool;
  readonly key: IntegrationKey;
  readonly context: LinkContext;
  readonly readers: SideReaders;
  readonly signal: AbortSignal;
  readonly onCall: (kind: 'list' | 'read') => void;
}

/** In the links' order. Throws SyncError of the systems. */
export async function examineLinks(examining: Examining, links: readonly Link[]): Promise<readonly Examined[]> {
  const read = links.filter((link) => !link.erased);
  const [bevatel, external] = await Promise.all(SIDES.map((side) => readSide(examining, side, read.flatMap((link) => idOn(link, side) ?? []))));
  return links.map((link) => {
    const live = { bevatel: bevatel?.get(link.bevatelId ?? ''), external: external?.get(link.externalId ?? '') };
    const findings = live.bevatel && live.external
      ? examinePair(link, { bevatel: live.bevatel, external: live.external }, examining.context)
      : examineOneSided(link, live.bevatel ?? live.external ?? null, examining.context);
    return { subject: 'link', id: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId, findings };
  });
}

/** Records of one side that no link has, of these that the side listed. */
export async function straysAmong({ pool, key }: Examining, side: Side, ids: readonly string[]): Promise<readonly Examined[]> {
  return (await unlinkedIds(pool, key, side, ids)).map((id) => ({ subject: side, id, bevatelId: side === 'bevatel' ? id : null, externalId: side === 'external' ? id : null, findings: [strayFinding(side)] }));
}

/**
 * Looks at subjects again, with their links as they stand now, and asks what has come of their news. One that is gone
 * (a link that another absorbed, a stray that has a link or was deleted) is left out.
 */
export async function examineSubjects(examining: Examining, subjects: readonly Subject[]): Promise<readonly Examined[]> {
  const linkIds = subjects.flatMap(({ subject, id }) => (subject === 'link' ? [id] : []));
  const links = linkIds.length > 0 ? await readLinks(examining.pool, examining.key, linkIds) : [];
  const examined = await examineLinks(examining, links.map(({ link }) => link));
  const strays = await Promise.all(SIDES.map((side) => liveStrays(examining, side, subjects.flatMap(({ subject, id }) => (subject === side ? [id] : [])))));
  return explainPending(examining, [...examined, ...strays.flat()]);
}

/** A record without a link by its id, on whichever side it is; a side that cannot even be asked for such an id does not have it. */
export async function findStray(examining: Examining, id: string): Promise<readonly Examined[]> {
  const found = await Promise.all(SIDES.map((side) => liveStrays(examining, side, [id]).catch((error: unknown): readonly Examined[] => {
    if (isSyncError(error) && error.class === 'permanent') return [];
    throw error;
  })));
  return found.flat();
}

async function liveStrays(examining: Examining, side: Side, ids: readonly string[]): Promise<readonly Examined[]> {
  if (ids.length === 0) return [];
  const strays = await straysAmong(examining, side, ids);
  const live = await readSide(examining, side, strays.map(({ id }) => id));
  return strays.filter(({ id }) => 'values' in (live.get(id) ?? { gone: '' }));
}

async function explainPending(examining: Examining, examined: readonly Examined[]): Promise<readonly Examined[]> {
  const doubtful = examined.filter(({ findings }) => isDoubtful(findings));
  if (doubtful.length === 0) return examined;
  const [bevatel, external] = await Promise.all(SIDES.map((side) => pendingOn(examining, side, doubtful)));
  return examined.map((one) => {
    const pending = { ...at('bevatel', bevatel?.get(one.bevatelId ?? '')), ...at('external', external?.get(one.externalId ?? '')) };
    return { ...one, findings: withPending(one.findings, pending) };
  });
}

function at(side: Side, pending: Pending | undefined): Partial<Record<Side, Pending>> {
  return pending ? { [side]: pending } : {};
}

async function pendingOn({ pool, key }: Examining, side: Side, doubtful: readonly Examined[]): Promise<ReadonlyMap<string, Pending>> {
  const ids = doubtful.flatMap((one) => (side === 'bevatel' ? one.bevatelId : one.externalId) ?? []);
  const [waiting, letters] = await Promise.all([waitingAmong(pool, key, side, ids), openDeadLettersOf(pool, { ...key, side }, ids)]);
  return new Map(ids.map((id) => [id, { isReadAsked: waiting.has(id), deadLetter: letters.get(id) ?? null }]));
}

async function readSide(examining: Examining, side: Side, ids: readonly string[]): Promise<ReadonlyMap<string, LiveRecord>> {
  const size = examining.readers[side].capabilities.batch.read;
  const found = new Map<string, LiveRecord>();
  for (let from = 0; from < ids.length; from += size) {
    const chunk = ids.slice(from, from + size);
    const faults: SyncError[] = [];
    for (const result of await readChunk(examining, side, chunk, faults)) found.set(result.id, liveOf(result));
    const [fault] = faults;
    if (fault && faults.length === chunk.length) throw fault;
  }
  for (const id of ids) if (!found.has(id)) found.set(id, { gone: 'unanswered' });
  return found;
}

/** A batch that is refused for good is halved, so that one bad record stops only itself (I8); records that are refused alone are left out. */
async function readChunk(examining: Examining, side: Side, ids: readonly string[], faults: SyncError[]): Promise<readonly ReadResult[]> {
  const { readers, context, signal, onCall } = examining;
  onCall('read');
  try {
    return await readers[side].read(ids, { fields: context.mapping.fields[side], histories: false }, { signal, lane: 'repair' });
  } catch (error) {
    if (!isSyncError(error) || error.class !== 'permanent' || error.code === 'configuration_missing') throw error;
    const middle = Math.ceil(ids.length / 2);
    if (ids.length === 1) faults.push(error);
    return ids.length === 1 ? [] : [...await readChunk(examining, side, ids.slice(0, middle), faults), ...await readChunk(examining, side, ids.slice(middle), faults)];
  }
}

function liveOf(result: ReadResult): LiveRecord {
  if (result.kind === 'found') return { values: result.record.values };
  return { gone: result.kind === 'merged' ? 'merged' : result.how };
}
