/**
 * Settles all conflicts that are alike: previewed, then carried out on those that still stand as they were shown. What
 * was held, or has moved, since the preview is left and counted (I2); each link is decided under its own lock.
 */
import { decideLink } from '../../../domain/decide-link.ts';
import type { Link } from '../../../domain/link.ts';
import { releaseHeld, releaseHold, resolveHeld, winnerUnder } from '../../../domain/resolve.ts';
import { inTransaction } from '../../../runtime/database.ts';
import type { Conflict, SettleAnswer, SettleBody } from '../../../schemas/api.ts';
import type { GroupVerdict } from '../../../schemas/decision.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { insertAudit } from '../../../store/audit.ts';
import { insertDecisions } from '../../../store/decisions.ts';
import type { KnownIntegration } from '../../../store/integration-book.ts';
import { lockLinks, saveLinks } from '../../../store/links.ts';
import type { LinkKey, StoredLink } from '../../../store/links.ts';
import { causedConflicts, heldLinks, isSelected } from './clusters.ts';
import { valuesOf } from './conflict-view.ts';
import { operatorVerdict } from './operator-verdict.ts';
import type { ResolveDeps } from './resolve-conflict.ts';

const SAMPLES = 10;
const BATCH = 100;

/** One conflict settled in memory, or why it is left. */
type Settled =
  | { readonly kind: 'settled'; readonly link: Link }
  | { readonly kind: 'moved' }
  | { readonly kind: 'left'; readonly reason: string };

/** Throws SyncError `not_found` for an integration that is not there. */
export async function settleAlike(deps: ResolveDeps, body: SettleBody, actor: string): Promise<SettleAnswer> {
  const asOf = body.asOf ?? deps.clock();
  const known = await integrationOf(deps, body);
  const answer: SettleAnswer = { dryRun: body.dryRun, asOf, matched: 0, resolved: 0, moved: 0, left: {}, samples: [] };
  for await (const page of heldLinks(deps.pool, { tenantId: known.tenantId, integrationId: known.integrationId })) {
    const chosen = page.filter((stored) => causedConflicts(stored, known.context).some((one) => isSelected(one, body.select)));
    if (body.dryRun) for (const stored of chosen) settleLink(stored, { known, body, asOf, actor, answer, now: deps.clock() });
    else for (let from = 0; from < chosen.length; from += BATCH) await settleBatch(deps, { known, body, asOf, actor, answer }, chosen.slice(from, from + BATCH).map(({ link }) => link));
  }
  if (!body.dryRun) {
    await insertAudit(deps.pool, { tenantId: known.tenantId, auditId: deps.newId(), actor, action: 'conflict.settle', target: targetOf(body, answer), doneAt: deps.clock() });
    deps.wake.notify(known.tenantId, known.integrationId);
  }
  return answer;
}

async function integrationOf(deps: ResolveDeps, { select }: SettleBody): Promise<KnownIntegration> {
  await deps.book.refresh();
  const known = deps.book.all().find((one) => one.tenantId === select.tenant && one.integrationId === select.integration);
  if (!known) throw new SyncError('not_found', `there is no integration ${select.tenant}/${select.integration}`);
  return known;
}

interface Run {
  readonly known: KnownIntegration;
  readonly body: SettleBody;
  readonly asOf: number;
  readonly actor: string;
  readonly answer: SettleAnswer;
}

async function settleBatch(deps: ResolveDeps, run: Run, keys: readonly LinkKey[]): Promise<void> {
  const { known } = run;
  await inTransaction(deps.pool, async (transaction) => {
    const locked = await lockLinks(transaction, [], keys);
    const now = deps.clock();
    const settled = locked.flatMap((stored) => settleLink(stored, { ...run, now }) ?? []);
    saveLinks(transaction, [], settled.map(({ link }) => ({ link, lane: 'live', lease: 'keep' })), now);
    insertDecisions(transaction, settled.map(({ link, verdicts }) => ({
      source: null,
      decision: {
        decisionId: deps.newId(), tenantId: known.tenantId, integrationId: known.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId,
        causeId: link.linkId, cause: 'operator', side: null, verdict: 'conflict_resolved', groups: verdicts, decidedAt: now,
      },
    })));
  });
}

/** All chosen conflicts of one link, each decided on its own; null when none of them is settled. Counts each in the answer. */
function settleLink(stored: StoredLink, run: Run & { readonly now: number }): { readonly link: Link; readonly verdicts: GroupVerdict[] } | null {
  const { known, body, answer, now } = run;
  const verdicts: GroupVerdict[] = [];
  let { link } = stored;
  for (const { conflict } of causedConflicts(stored, known.context).filter((one) => isSelected(one, body.select))) {
    answer.matched += 1;
    const settled = settleOne(link, conflict.group, conflict.since, run);
    if (settled.kind === 'moved') answer.moved += 1;
    if (settled.kind === 'left') leave(answer, settled.reason);
    if (settled.kind !== 'settled') continue;
    const decided = decideLink(settled.link, known.context, now);
    if (isStillHeld(decided.link, conflict.group)) {
      leave(answer, 'still_held');
      continue;
    }
    const held = conflict.group === null ? undefined : link.state.groups[conflict.group]?.held;
    verdicts.push(...(conflict.group === null || !held ? decided.groups : [operatorVerdict(decided.groups, conflict.group, held, howOf(body))]));
    link = decided.link;
    noteSettled(answer, conflict, link);
  }
  return link === stored.link ? null : { link, verdicts };
}

function leave(answer: SettleAnswer, reason: string): void {
  answer.left[reason] = (answer.left[reason] ?? 0) + 1;
}

function isStillHeld({ state }: Link, group: string | null): boolean {
  return group === null ? state.hold !== undefined : state.groups[group]?.held !== undefined;
}

function noteSettled(answer: SettleAnswer, conflict: Conflict, { state }: Link): void {
  answer.resolved += 1;
  if (answer.samples.length >= SAMPLES) return;
  const wanted = conflict.group === null ? undefined : state.groups[conflict.group]?.wanted;
  answer.samples.push({ conflict, write: wanted ? { side: wanted.side, values: valuesOf(wanted.values) } : null });
}

function settleOne(link: Link, group: string | null, since: number, { known, body, asOf, actor }: Run): Settled {
  if (since > asOf) return { kind: 'moved' };
  if (group === null) return body.anew ? settledBy(releaseHold(link)) : { kind: 'left', reason: 'needs_anew' };
  const state = link.state.groups[group];
  const held = state?.held;
  const rule = known.context.mapping.byName.get(group);
  if (!held) return { kind: 'moved' };
  if (body.anew) return held.type === 'overwritten_in_flight' ? { kind: 'left', reason: 'needs_a_winner' } : settledBy(releaseHeld(link, group));
  if (!rule) return { kind: 'left', reason: 'not_mapped' };
  const winner = body.winner ?? (body.by ? winnerUnder(body.by, rule, held, state.base) : null);
  if (!winner) return { kind: 'left', reason: 'no_winner' };
  return settledBy(resolveHeld(link, rule, { winner, by: actor, seenPair: held }));
}

function settledBy(resolved: ReturnType<typeof resolveHeld>): Settled {
  if (resolved.kind === 'resolved') return { kind: 'settled', link: resolved.link };
  return resolved.kind === 'refused' ? { kind: 'left', reason: resolved.reason } : { kind: 'moved' };
}

function howOf({ winner, by }: SettleBody): string {
  return winner ?? by ?? 'anew';
}

function targetOf(body: SettleBody, { resolved }: SettleAnswer): string {
  const { integration, group, type, cause } = body.select;
  // A cause may name option values, which are personal data at worst; the audit holds ids and codes only (I11).
  return [integration, group ?? '*', type ?? '*', cause?.split(':')[0] ?? '*', howOf(body), `${resolved} resolved`].join(' ');
}

