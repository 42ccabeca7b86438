/**
 * Plan: what applying an integration would do, found by the same matching and the same decisions, with nothing written.
 *
 * 1. List Bevatel, keeping ids and fingerprints of match keys.
 * 2. List the external system page by page: match each record, read its partners, decide the pairs.
 * 3. List Bevatel again for the contacts that found no partner.
 * Memory holds the index of step 1 and one page. What is edited meanwhile may be counted as it was or as it is.
 */
import { buildContext } from '../../../domain/context.ts';
import type { LinkContext } from '../../../domain/context.ts';
import { chooseMatch, matchKeys } from '../../../domain/match.ts';
import type { Sleep } from '../../../runtime/sleep.ts';
import type { Plan } from '../../../schemas/api.ts';
import type { Integration } from '../../../schemas/integration.ts';
import type { RecordImage } from '../../../schemas/record.ts';
import type { Side } from '../../../schemas/value.ts';
import { createMatchIndex } from './match-index.ts';
import type { MatchIndex } from './match-index.ts';
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
  readonly index: MatchIndex;
  /** Bevatel's ids that found a partner, or are asked about. */
  readonly taken: Set<string>;
}

/** The mapping must have been checked against both systems before. Throws SyncError of the systems. */
export async function planIntegration(options: PlanOptions): Promise<Plan> {
  const { integration, clock } = options;
  const context = buildContext(integration);
  const run: Run = { ...options, context, index: createMatchIndex(), taken: new Set(), tally: createPlanTally({ context, integration, now: clock() }) };
  for await (const page of pages(run, 'bevatel')) {
    run.tally.records('bevatel', page.length);
    for (const record of page) run.index.add(record.id, matchKeys(context.mapping, integration, 'bevatel', record.values));
  }
  for await (const page of pages(run, 'external')) {
    run.tally.records('external', page.length);
    await planPage(run, page);
  }
  for await (const page of pages(run, 'bevatel')) {
    for (const record of page) if (!run.taken.has(record.id)) run.tally.alone('bevatel', record);
  }
  return run.tally.plan();
}

async function planPage(run: Run, page: readonly RecordImage[]): Promise<void> {
  const pairs: { readonly record: RecordImage; readonly bevatelId: string; readonly rule: string }[] = [];
  for (const record of page) {
    const match = matchOf(run, record);
    if (match.kind === 'none') run.tally.alone('external', record);
    else if (match.kind === 'several') run.tally.several(record, match.ids, match.rule);
    else if (run.taken.has(match.id)) run.tally.shared(record, match.id, match.rule);
    else {
      run.taken.add(match.id);
      pairs.push({ record, bevatelId: match.id, rule: match.rule });
    }
  }
  const partners = await readBevatel(run, pairs.map(({ bevatelId }) => bevatelId));
  for (const { record, bevatelId, rule } of pairs) {
    const partner = partners.get(bevatelId);
    if (partner) run.tally.pair(partner, record, rule);
  }
}

type Match = { readonly kind: 'none' } | { readonly kind: 'one'; readonly id: string; readonly rule: string } | { readonly kind: 'several'; readonly ids: readonly string[]; readonly rule: string };

/** In the order of design §5, Matching: the reference, then the integration's rules. */
function matchOf({ index, context, integration, taken }: Run, record: RecordImage): Match {
  const reference = record.references['bevatel'];
  if (reference !== undefined && index.has(reference)) return { kind: 'one', id: reference, rule: 'reference' };
  const keys = matchKeys(context.mapping, integration, 'external', record.values);
  const candidates = index.candidates(keys);
  const free = candidates.filter(({ linkId }) => !taken.has(linkId));
  const choice = chooseMatch(free.length > 0 ? free : candidates, keys);
  if (choice.kind === 'none') return choice;
  return choice.kind === 'one' ? { kind: 'one', id: choice.linkId, rule: choice.rule } : { kind: 'several', ids: choice.linkIds, rule: choice.rule };
}

function pages(run: Run, side: Side): AsyncGenerator<readonly RecordImage[]> {
  return pagesOf(run.readers[side], { ...run, fields: run.context.mapping.fields[side] });
}

async function readBevatel(run: Run, ids: readonly string[]): Promise<ReadonlyMap<string, RecordImage>> {
  const reader = run.readers.bevatel;
  const found = new Map<string, RecordImage>();
  for (let from = 0; from < ids.length; from += reader.capabilities.batch.read) {
    const chunk = ids.slice(from, from + reader.capabilities.batch.read);
    const results = await patiently(run, () => reader.read(chunk, { fields: run.context.mapping.fields.bevatel, histories: false }, callOptions(run)));
    for (const result of results) if (result.kind === 'found') found.set(result.id, result.record);
  }
  return found;
}

function callOptions(run: Run): ReadOptions {
  return { signal: run.signal, lane: 'backfill' };
}
