/**
 * Verify: reads both sides as they are now and tells of every pair whether it agrees, or why not (I1). Read-only.
 *
 * 1. Walk the links by id, read both records of each in batches, examine (domain/verify.ts).
 * 2. List each side and look for records that no link knows.
 * 3. What is not explained yet (under way, not captured yet, not linked yet) is looked at again until it is, or until
 *    `settleMs` is over; what is unexplained then makes the certificate fail.
 * Memory holds one page and the links of step 3, of which at most MAX_DOUBTS are looked at again.
 */
import type { Pool } from 'pg';
import { buildContext } from '../../domain/context.ts';
import type { LinkContext } from '../../domain/context.ts';
import { idOn } from '../../domain/link.ts';
import type { Link } from '../../domain/link.ts';
import { examineOneSided, examinePair } from '../../domain/verify.ts';
import type { Finding, LiveRecord } from '../../domain/verify.ts';
import type { Sleep } from '../../runtime/sleep.ts';
import type { Certificate } from '../../schemas/api.ts';
import type { ReadResult } from '../../schemas/record.ts';
import { SIDES } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';
import { pageLinks, readLink, unlinkedIds } from '../../store/conflicts.ts';
import type { StoredIntegration } from '../../store/integrations.ts';
import { patiently } from './patiently.ts';
import { createTally } from './certificate.ts';
import type { Tally } from './certificate.ts';
import type { ReadOptions, SideReader, SideReaders } from './side-reader.ts';

export interface VerifyOptions {
  readonly pool: Pool;
  readonly integration: StoredIntegration;
  readonly readers: SideReaders;
  readonly settleMs: number;
  readonly clock: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  /** How many records were examined so far. */
  readonly onProgress: (examined: number) => void;
}

const PAGE = 100;
const AGAIN_MS = 500;
const MAX_DOUBTS = 10_000;

interface Examined {
  readonly link: Link;
  readonly findings: readonly Finding[];
}

interface Run extends VerifyOptions {
  readonly context: LinkContext;
  readonly tally: Tally;
}

/** Throws SyncError of the systems, or the signal's reason. */
export async function verifyIntegration(options: VerifyOptions): Promise<Certificate> {
  const { integration, clock } = options;
  const run: Run = { ...options, context: buildContext(integration.config), tally: createTally() };
  const startedAt = clock();
  const doubts: Link[] = [];
  let doubted = 0;
  for await (const { link, findings } of examineAll(run)) {
    if (isDoubtful(findings) && doubts.length < MAX_DOUBTS) doubts.push(link);
    else run.tally.count(link, findings);
    doubted += 1;
    options.onProgress(doubted);
  }
  const strays = { bevatel: await straysOf(run, 'bevatel'), external: await straysOf(run, 'external') };
  await settle(run, doubts, strays, startedAt);
  for (const side of SIDES) run.tally.strays(side, strays[side]);
  return run.tally.certificate({ tenant: integration.tenantId, integration: integration.integrationId, startedAt, finishedAt: clock() });
}

/** Nothing that stays as it is: it is explained for now only, or not at all. */
function isDoubtful(findings: readonly Finding[]): boolean {
  return findings.some(({ kind }) => kind === 'in_flight' || kind === 'unseen' || kind === 'differing' || kind === 'unlinked');
}

async function* examineAll(run: Run): AsyncGenerator<Examined> {
  let after = '';
  for (;;) {
    run.signal.throwIfAborted();
    const page = (await pageLinks(run.pool, run.integration, after, PAGE)).map(({ link }) => link);
    const last = page.at(-1);
    if (!last) return;
    after = last.linkId;
    yield* await examinePage(run, page);
  }
}

async function examinePage(run: Run, links: readonly Link[]): Promise<readonly Examined[]> {
  const pairs = links.filter((link) => link.bevatelId !== null && link.externalId !== null && !link.erased);
  const [bevatel, external] = await Promise.all(SIDES.map((side) => readSide(run, side, pairs.flatMap((link) => idOn(link, side) ?? []))));
  return links.map((link) => {
    const live = { bevatel: bevatel?.get(link.bevatelId ?? ''), external: external?.get(link.externalId ?? '') };
    if (!live.bevatel || !live.external) return { link, findings: [examineOneSided(link, run.context)] };
    return { link, findings: examinePair(link, { bevatel: live.bevatel, external: live.external }, run.context) };
  });
}

async function readSide(run: Run, side: Side, ids: readonly string[]): Promise<ReadonlyMap<string, LiveRecord>> {
  const reader = run.readers[side];
  const found = new Map<string, LiveRecord>();
  const size = reader.capabilities.batch.read;
  for (let from = 0; from < ids.length; from += size) {
    const results = await patiently(run, () => reader.read(ids.slice(from, from + size), { fields: run.context.mapping.fields[side], histories: false }, callOptions(run)));
    run.tally.call('read');
    for (const result of results) found.set(result.id, liveOf(result));
  }
  for (const id of ids) if (!found.has(id)) found.set(id, { gone: 'unanswered' });
  return found;
}

function liveOf(result: ReadResult): LiveRecord {
  if (result.kind === 'found') return { values: result.record.values };
  return { gone: result.kind === 'merged' ? 'merged' : result.how };
}

/** Ids that the side lists and no link has. */
async function straysOf(run: Run, side: Side): Promise<readonly string[]> {
  const reader: SideReader = run.readers[side];
  const strays: string[] = [];
  let cursor: string | null = null;
  do {
    run.signal.throwIfAborted();
    const at: string | null = cursor;
    const page: Awaited<ReturnType<SideReader['list']>> = await patiently(run, () => reader.list({ cursor: at, fields: run.context.mapping.fields[side].slice(0, 1) }, callOptions(run)));
    run.tally.call('list');
    strays.push(...await unlinkedIds(run.pool, run.integration, side, page.records.map(({ id }) => id)));
    cursor = page.next;
  } while (cursor !== null);
  return strays;
}

/** Looks again at what was in doubt until nothing is, or the time is over; then counts it as it is. */
async function settle(run: Run, doubts: Link[], strays: Record<Side, readonly string[]>, startedAt: number): Promise<void> {
  const { clock, sleep, settleMs, signal } = run;
  const until = Math.max(clock(), startedAt) + settleMs;
  let open: readonly Link[] = doubts;
  for (;;) {
    const examined = await examineAgain(run, open);
    for (const side of SIDES) strays[side] = strays[side].length > 0 ? await stillStray(run, side, strays[side]) : [];
    const settled = examined.filter(({ findings }) => !isDoubtful(findings));
    const doubtful = examined.filter(({ findings }) => isDoubtful(findings));
    const isOver = clock() >= until || (doubtful.length === 0 && strays.bevatel.length + strays.external.length === 0);
    for (const { link, findings } of isOver ? examined : settled) run.tally.count(link, findings);
    if (isOver) return;
    open = doubtful.map(({ link }) => link);
    await sleep(AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

/** With the links as they stand now; one that is gone was absorbed by another. */
async function examineAgain(run: Run, links: readonly Link[]): Promise<readonly Examined[]> {
  const examined: Examined[] = [];
  for (let from = 0; from < links.length; from += PAGE) {
    const fresh = await Promise.all(links.slice(from, from + PAGE).map((link) => readLink(run.pool, link)));
    examined.push(...await examinePage(run, fresh.flatMap((stored) => stored?.link ?? [])));
  }
  return examined;
}

/** A record that was listed may have been linked, or deleted, meanwhile. */
async function stillStray(run: Run, side: Side, ids: readonly string[]): Promise<readonly string[]> {
  const unlinked = await unlinkedIds(run.pool, run.integration, side, ids);
  const live = await readSide(run, side, unlinked);
  return unlinked.filter((id) => 'values' in (live.get(id) ?? { gone: '' }));
}

function callOptions(run: Run): ReadOptions {
  return { signal: run.signal, lane: 'repair' };
}
