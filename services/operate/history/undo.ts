/**
 * Undo: writes of a scope taken back, previewed first (domain/undo.ts). Nothing is written here: what is taken back becomes
 * wanted, and delivery writes it with its guards.
 *
 * The scope's decisions are walked page by page; a link is looked at once, at its newest write in the scope, with all that
 * is kept of it, and for the deed under its lock. Memory holds one page and the samples. What is interrupted is done in
 * part, and a new preview shows the rest.
 */
import type { Pool } from 'pg';
import { decideLink } from '../../../domain/decide-link.ts';
import { dueOf } from '../../../domain/due.ts';
import { isLanding } from '../../../domain/landing.ts';
import type { Link } from '../../../domain/link.ts';
import { orderUndo, planUndo } from '../../../domain/undo.ts';
import type { UndoPlan, UndoScope, UndoSkipped } from '../../../domain/undo.ts';
import { inTransaction } from '../../../runtime/database.ts';
import type { Transaction } from '../../../runtime/database.ts';
import type { Wake } from '../../../runtime/deps.ts';
import type { UndoBody, UndoLine } from '../../../schemas/api-history.ts';
import type { ContactDecision, GroupVerdict } from '../../../schemas/decision.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { insertAudit } from '../../../store/audit.ts';
import { readLinks } from '../../../store/conflicts.ts';
import { insertDecisions } from '../../../store/decisions.ts';
import { decisionsOfLinks, oldestDecisions } from '../../../store/history.ts';
import type { IntegrationBook, KnownIntegration } from '../../../store/integration-book.ts';
import { lockLinks, saveLinks } from '../../../store/links.ts';
import type { StoredLink } from '../../../store/links.ts';
import { linksOf } from './history.ts';
import { checkReach } from './reach.ts';
import { createUndoTally } from './undo-tally.ts';
import type { UndoTally } from './undo-tally.ts';
import { previewOf, tokenOf } from './undo-token.ts';
import type { Preview } from './undo-token.ts';

export interface UndoDeps {
  readonly pool: Pool;
  readonly book: IntegrationBook;
  readonly wake: Pick<Wake, 'notify'>;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly signal: AbortSignal;
}

const PAGE = 500;
/** Links of one transaction. */
const AT_ONCE = 100;

/** An order whose scope was checked; `doneBy` is null for a preview. */
interface Order {
  readonly deps: UndoDeps;
  readonly integrations: readonly KnownIntegration[];
  readonly scope: UndoScope;
  readonly contact: string | null;
  readonly previewedAt: number;
  /** What the operator's word is known by; null for a preview. */
  readonly deed: { readonly undoId: string; readonly by: string } | null;
  readonly tally: UndoTally;
}

/** Checks the order; the lines come as they are asked for. Throws SyncError `not_found`, `change_malformed` or `beyond_history`. */
export async function undo(deps: UndoDeps, body: UndoBody, actor: string): Promise<AsyncGenerator<UndoLine>> {
  await deps.book.refresh();
  const preview = body.token === undefined ? previewNow(deps, body) : previewOf(body.token, body);
  const integrations = integrationsOf(deps.book, preview);
  for (const one of integrations) await checkReach(deps.pool, one, preview.since);
  const deed = body.token === undefined ? null : { undoId: deps.newId(), by: actor };
  if (deed) await insertAudit(deps.pool, { tenantId: preview.tenant, auditId: deed.undoId, actor, action: 'undo', target: targetOf(preview), doneAt: deps.clock() });
  const { since, until, tenant, rule = null, group = null, contact = null } = preview;
  const tally = createUndoTally({
    undoId: deed?.undoId ?? null, token: deed ? null : tokenOf(preview), tenant, integrations: integrations.map((one) => one.integrationId), since, until,
  });
  return run({ deps, integrations, scope: { since, until, rule, group }, contact, previewedAt: preview.at, deed, tally });
}

/** Of what has happened so far. */
function previewNow({ book, clock }: UndoDeps, { since = 0, until = Infinity, tenant, token: _token, ...more }: UndoBody): Preview {
  const at = clock();
  const preview = { at, since, until: Math.min(until, at), tenant: integrationsOf(book, { tenant, ...more })[0]?.tenantId ?? '', ...more };
  if (preview.since >= preview.until) throw new SyncError('change_malformed', 'the time span is empty, or has not begun');
  return preview;
}

/** Of the tenant that is named, or of the only one there is. */
function integrationsOf(book: IntegrationBook, { tenant, integration }: Pick<UndoBody, 'tenant' | 'integration'>): readonly KnownIntegration[] {
  const found = book.all().filter((one) => (tenant === undefined || one.tenantId === tenant) && (integration === undefined || one.integrationId === integration));
  if (found.length === 0) throw new SyncError('not_found', 'there is no such integration');
  if (new Set(found.map((one) => one.tenantId)).size > 1) throw new SyncError('change_malformed', 'there are several tenants; name one');
  return found.toSorted((a, b) => (a.integrationId < b.integrationId ? -1 : 1));
}

function targetOf({ integration, since, until, rule, group, contact }: Preview): string {
  const named = Object.entries({ integration, rule, group, contact }).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return [`${new Date(since).toISOString()}..${new Date(until).toISOString()}`, ...named].join(' ');
}

async function* run(order: Order): AsyncGenerator<UndoLine> {
  let examined = 0;
  for (const known of order.integrations) {
    for await (const histories of batches(order, known)) {
      order.deps.signal.throwIfAborted();
      await (order.deed ? doBatch(order, known, [...histories.keys()]) : previewBatch(order, known, histories));
      examined += histories.size;
      yield { kind: 'progress', examined };
    }
  }
  yield order.tally.result();
}

type Histories = ReadonlyMap<string, readonly ContactDecision[]>;

/** Links that were written to in the scope, each once, with their decisions. */
async function* batches({ deps, scope, contact }: Order, known: KnownIntegration): AsyncGenerator<Histories> {
  if (contact !== null) {
    const found = await linksOf(deps.pool, contact, { tenantId: known.tenantId, integrationId: known.integrationId });
    yield await decisionsOfLinks(deps.pool, known.tenantId, found.map(({ link }) => link.linkId));
    return;
  }
  let after: ContactDecision | null = null;
  for (;;) {
    const page: readonly ContactDecision[] = await oldestDecisions(deps.pool, known, scope, after, PAGE);
    const written = page.filter(isWrite);
    const linkIds = [...new Set(written.map(({ linkId }) => linkId))];
    for (let from = 0; from < linkIds.length; from += AT_ONCE) yield await newestHere(deps.pool, known, linkIds.slice(from, from + AT_ONCE), page, scope);
    after = page.at(-1) ?? null;
    if (page.length < PAGE) return;
  }
}

function isWrite({ verdict, groups }: ContactDecision): boolean {
  return verdict === 'created' || groups.some((one) => isLanding(one) || one.rule === 'written');
}

/** Of these links those whose newest write in the scope stands on this page: the others come again on a later one. */
async function newestHere(pool: Pool, { tenantId }: KnownIntegration, linkIds: readonly string[], page: readonly ContactDecision[], { since, until }: UndoScope): Promise<Histories> {
  const here = new Set(page.map(({ decisionId }) => decisionId));
  const histories = await decisionsOfLinks(pool, tenantId, linkIds);
  return new Map([...histories].filter(([, decisions]) => {
    const newest = decisions.findLast((one) => isWrite(one) && one.decidedAt >= since && one.decidedAt < until);
    return newest !== undefined && here.has(newest.decisionId);
  }));
}

async function previewBatch({ deps, scope, tally }: Order, known: KnownIntegration, histories: Histories): Promise<void> {
  const links = await readLinks(deps.pool, known, [...histories.keys()]);
  for (const { link } of links) tally.count(link, planUndo(link, known.context, histories.get(link.linkId) ?? [], scope), []);
}

async function doBatch(order: Order, known: KnownIntegration, linkIds: readonly string[]): Promise<void> {
  const { deps, tally } = order;
  const done = await inTransaction(deps.pool, (transaction) => doLocked(transaction, order, known, linkIds));
  for (const { link, plan, moved } of done) tally.count(link, plan, moved);
  if (done.some(({ plan }) => plan.fields.length > 0)) deps.wake.notify(known.tenantId, known.integrationId);
}

interface Done {
  readonly link: Link;
  readonly plan: UndoPlan;
  readonly moved: readonly UndoSkipped[];
}

async function doLocked(transaction: Transaction, order: Order, known: KnownIntegration, linkIds: readonly string[]): Promise<Done[]> {
  const locked = await lockLinks(transaction, [], linkIds.map((linkId) => ({ tenantId: known.tenantId, integrationId: known.integrationId, linkId })));
  const decisions = await decisionsOfLinks(transaction, known.tenantId, linkIds);
  const now = order.deps.clock();
  const done = locked.map(({ link }) => ({ link, ...unmoved(planUndo(link, known.context, decisions.get(link.linkId) ?? [], order.scope), order.previewedAt) }));
  commit(transaction, order, known, locked, done.filter(({ plan }) => plan.fields.length > 0), now);
  return done;
}

/** What happened to a field after the preview was not shown to whoever gave the order. */
function unmoved(plan: UndoPlan, seenAt: number): { plan: UndoPlan; moved: UndoSkipped[] } {
  const hasMoved = ({ movedAt }: { movedAt: number }): boolean => movedAt > seenAt;
  return {
    plan: { ...plan, fields: plan.fields.filter((field) => !hasMoved(field)), skipped: plan.skipped.filter((one) => !hasMoved(one)) },
    moved: [...plan.skipped.filter(hasMoved), ...plan.fields.filter(hasMoved).map(({ group, side, movedAt }) => ({ group, side, reason: 'edited_since' as const, movedAt }))],
  };
}

function commit(transaction: Transaction, { deps, deed }: Order, known: KnownIntegration, locked: readonly StoredLink[], done: readonly Done[], now: number): void {
  if (!deed || done.length === 0) return;
  const decided = done.map(({ link, plan }) => decideLink(orderUndo(link, plan.fields, { at: now, by: deed.by }), known.context, now));
  const isDue = new Set(locked.filter(({ link }) => dueOf(link, now) !== null).map(({ link }) => link.linkId));
  // Behind what people wait for: an undo may be of many.
  saveLinks(transaction, [], decided.map(({ link }) => ({ link, lane: isDue.has(link.linkId) ? null : 'repair', lease: 'keep' })), now);
  insertDecisions(transaction, decided.map(({ link, groups }) => ({ source: null, decision: decisionOf(link, groups, deps.newId(), deed.undoId, now) })));
}

function decisionOf(link: Link, groups: readonly GroupVerdict[], decisionId: string, undoId: string, now: number): ContactDecision {
  const { tenantId, integrationId, linkId, bevatelId, externalId } = link;
  return { decisionId, tenantId, integrationId, linkId, bevatelId, externalId, causeId: undoId, cause: 'operator', side: null, verdict: 'undone', groups, decidedAt: now };
}
