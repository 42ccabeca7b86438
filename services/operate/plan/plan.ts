/**
 * Plan: what applying an integration would do, found by the same matching and the same decisions, with nothing written.
 *
 * 1. List both sides, keeping ids and fingerprints of match keys.
 * 2. Pair the groups that hang together; only where candidates must be told apart are records read for their names.
 * 3. List both sides again: decide the pairs, read with their partners page by page, and the records that have none.
 * Memory holds the index of step 1 and one page. What is edited meanwhile may be counted as it was or as it is.
 */
import { buildContext } from '../../../domain/context.ts';
import type { LinkContext } from '../../../domain/context.ts';
import { standingOf } from '../../../domain/filter.ts';
import { identityOf } from '../../../domain/identity.ts';
import { nameOn } from '../../../domain/match.ts';
import { pairUp } from '../../../domain/pairing.ts';
import type { Standing } from '../../../domain/pairing.ts';
import type { Sleep } from '../../../runtime/sleep.ts';
import type { Plan } from '../../../schemas/api.ts';
import type { Integration } from '../../../schemas/integration.ts';
import type { RecordImage } from '../../../schemas/record.ts';
import { otherSide, SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { createMatchIndex, nameOfRecord } from './match-index.ts';
import type { Indexed, MatchIndex } from './match-index.ts';
import { patiently } from './patiently.ts';
import { createPlanTally } from './plan-tally.ts';
import type { PlanTally } from './plan-tally.ts';
import { pagesOf } from './side-pages.ts';
import type { ReadOptions, SideReaders } from './side-reader.ts';

export interface PlanOptions {
  readonly integration: Integration;
  readonly readers: SideReaders;
  readonly clock: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  readonly onProgress: (records: number) => void;
}

interface Run extends PlanOptions {
  readonly context: LinkContext;
  readonly tally: PlanTally;
  /** How records stand that are not free, by `<side>/<id>`, which names their link as well. */
  readonly standings: Map<string, Standing>;
}

/** The mapping must have been checked against both systems before. Throws SyncError of the systems. */
export async function planIntegration(options: PlanOptions): Promise<Plan> {
  const { integration, clock } = options;
  const context = buildContext(integration);
  const run: Run = { ...options, context, standings: new Map(), tally: createPlanTally({ context, integration, now: clock() }) };
  const index = createMatchIndex();
  for (const side of SIDES) {
    for await (const page of pages(run, side)) {
      run.tally.records(side, page.length);
      for (const record of page) index.add(identityIn(run, side, record), claims(run, side, record));
    }
  }
  await pairAll(run, index);
  for await (const page of pages(run, 'external')) await planPage(run, page);
  for await (const page of pages(run, 'bevatel')) for (const record of page) planAlone(run, 'bevatel', record);
  return run.tally.plan();
}

function identityIn({ context, integration }: Run, side: Side, record: RecordImage) {
  const reference = record.references[side === 'bevatel' ? integration.integration : 'bevatel'] ?? null;
  return identityOf(context.mapping, { side, recordId: record.id, image: record.values, reference });
}

function claims({ context }: Run, side: Side, record: RecordImage): boolean {
  return context.creates[otherSide(side)] && standingOf(side, record.values, context.mapping) === 'inside';
}

async function pairAll(run: Run, index: MatchIndex): Promise<void> {
  const rules = run.integration.match;
  for (const group of index.groups()) {
    const first = pairUp(group, [], rules);
    const isClear = [...first.values()].every(({ kind }) => kind === 'paired' || kind === 'free');
    const standings = isClear ? first : pairUp(await withNames(run, group), [], rules);
    for (const [name, standing] of standings) if (standing.kind !== 'free') run.standings.set(name, standing);
  }
  for (const { record, kind, isOnBothSides } of index.crowded()) {
    const isHeld = isOnBothSides || (rules.shared === 'hold' && record.claims);
    if (isHeld && !run.standings.has(record.linkId)) run.standings.set(record.linkId, { kind: isOnBothSides ? 'multi_match' : 'possible_duplicate', rule: kind, candidates: [] });
  }
}

/** The names of the few that must be told apart. */
async function withNames(run: Run, group: readonly Indexed[]): Promise<readonly Indexed[]> {
  const images = new Map<string, RecordImage>();
  for (const side of SIDES) {
    const ids = group.flatMap((one) => (one.side === side ? [one.recordId] : []));
    for (const [id, record] of await readRecords(run, side, ids)) images.set(nameOfRecord(side, id), record);
  }
  return group.map((one) => ({ ...one, name: nameOn(run.context.mapping, one.side, images.get(one.linkId)?.values ?? {}) }));
}

async function planPage(run: Run, page: readonly RecordImage[]): Promise<void> {
  const pairs: { readonly record: RecordImage; readonly bevatelId: string; readonly rule: string }[] = [];
  for (const record of page) {
    const standing = run.standings.get(nameOfRecord('external', record.id));
    if (standing?.kind === 'paired') pairs.push({ record, bevatelId: standing.with.slice('bevatel/'.length), rule: standing.rule });
    else planAlone(run, 'external', record);
  }
  const partners = await readRecords(run, 'bevatel', pairs.map(({ bevatelId }) => bevatelId));
  for (const { record, bevatelId, rule } of pairs) {
    const partner = partners.get(bevatelId);
    if (partner) run.tally.pair(partner, record, rule);
  }
}

function planAlone({ standings, tally }: Run, side: Side, record: RecordImage): void {
  const standing = standings.get(nameOfRecord(side, record.id));
  if (standing?.kind === 'paired') return;
  if (!standing || standing.kind === 'free') tally.alone(side, record);
  else tally.held(standing.kind, side, record, standing.candidates.map(({ linkId }) => linkId), standing.rule);
}

function pages(run: Run, side: Side): AsyncGenerator<readonly RecordImage[]> {
  return pagesOf(run.readers[side], { ...run, fields: run.context.mapping.fields[side] });
}

async function readRecords(run: Run, side: Side, ids: readonly string[]): Promise<ReadonlyMap<string, RecordImage>> {
  const reader = run.readers[side];
  const found = new Map<string, RecordImage>();
  for (let from = 0; from < ids.length; from += reader.capabilities.batch.read) {
    const chunk = ids.slice(from, from + reader.capabilities.batch.read);
    const results = await patiently(run, () => reader.read(chunk, { fields: run.context.mapping.fields[side], histories: false }, callOptions(run)));
    for (const result of results) if (result.kind === 'found') found.set(result.id, result.record);
  }
  return found;
}

function callOptions(run: Run): ReadOptions {
  return { signal: run.signal, lane: 'backfill' };
}
