/**
 * Change-sets as an operator sees and decides them. A decision is on what was shown: when records came or went, or would
 * be written otherwise, it is refused and says so (issue 4, "an approve of a changed change-set").
 */
import type { Pool } from 'pg';
import { decideLink } from '../../domain/decide-link.ts';
import { rejectGuarded, withoutGuarded } from '../../domain/guards.ts';
import { pick } from '../../domain/link.ts';
import type { Link } from '../../domain/link.ts';
import { inTransaction } from '../../runtime/database.ts';
import type { Transaction } from '../../runtime/database.ts';
import type { ChangeSet, ChangeSetDetail, DecideChangeSetBody } from '../../schemas/api.ts';
import type { GroupVerdict } from '../../schemas/decision.ts';
import { SyncError } from '../../schemas/errors.ts';
import { SIDES } from '../../schemas/value.ts';
import { insertAudit } from '../../store/audit.ts';
import { approveCanary, closeChangeSet, listChangeSets, markSettled, pageItems, readChangeSet, unsettledChangeSets } from '../../store/change-sets.ts';
import type { ChangeSetState, RiskItem, StoredChangeSet } from '../../store/change-sets.ts';
import { insertDecisions } from '../../store/decisions.ts';
import { readLink } from '../../store/conflicts.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import { setPaused } from '../../store/integrations.ts';
import { lockByKey } from '../../store/leases.ts';
import { saveLinks } from '../../store/links.ts';
import { valuesOf } from './conflicts/conflict-view.ts';
import { StateMoved } from './conflicts/resolve-conflict.ts';
import type { ResolveDeps } from './conflicts/resolve-conflict.ts';

const PAGE = 200;

export async function changeSetList(pool: Pool, query: { readonly tenant?: string | undefined; readonly integration?: string | undefined; readonly state?: ChangeSetState | undefined; readonly limit: number }): Promise<{ changeSets: ChangeSet[] }> {
  const stored = await listChangeSets(pool, { tenantId: query.tenant ?? null, integrationId: query.integration ?? null, state: query.state ?? null }, query.limit);
  return { changeSets: stored.map(viewOf) };
}

function viewOf(set: StoredChangeSet): ChangeSet {
  const [side, group] = set.riskKey.split('/');
  return {
    id: set.changeSetId, tenant: set.tenantId, integration: set.integrationId, kind: set.kind,
    side: SIDES.find((one) => one === side) ?? null, group: group ?? null, state: set.state,
    records: set.items, counted: set.counted, allowed: set.allowed, token: set.token, openedAt: set.openedAt, closedAt: set.closedAt, closedBy: set.closedBy,
  };
}

/** Throws SyncError `not_found`. */
export async function changeSetDetail(deps: Pick<ResolveDeps, 'pool' | 'book'>, id: string, page: { readonly limit: number; readonly after?: string | undefined }): Promise<ChangeSetDetail> {
  const set = await existing(deps.pool, id);
  const known = await integrationOf(deps, set);
  const items = await pageItems(deps.pool, set, page.after ?? '', page.limit);
  const shown = await Promise.all(items.map(async (item) => itemView(item, (await readLink(deps.pool, { ...keyOf(set), linkId: item.linkId }))?.link ?? null, set, known)));
  return { ...viewOf(set), items: shown, next: items.length === page.limit ? items.at(-1)?.linkId ?? null : null };
}

function itemView(item: RiskItem, link: Link | null, set: StoredChangeSet, known: KnownIntegration): ChangeSetDetail['items'][number] {
  const group = item.group === '' ? null : item.group;
  const state = group === null ? undefined : link?.state.groups[group];
  const lens = group === null ? undefined : known.context.mapping.byName.get(group)?.lens;
  const { wanted } = state ?? {};
  const before = wanted && lens ? pick(link?.state.seen[wanted.side]?.values ?? {}, lens.fields[wanted.side]) : null;
  return {
    linkId: item.linkId, bevatelId: link?.bevatelId ?? null, externalId: link?.externalId ?? null, group,
    before: before && valuesOf(before), after: wanted ? valuesOf(wanted.values) : null,
    isWanted: group === null ? link?.state.guarded === set.changeSetId : state?.guarded === set.changeSetId,
  };
}

export interface ChangeSetDecision {
  readonly id: string;
  readonly decision: DecideChangeSetBody['decision'];
  readonly dryRun: boolean;
  readonly records: number;
}

/** Throws SyncError `not_found`, or `state_moved` that says what changed since it was shown. */
export async function decideChangeSet(deps: ResolveDeps, id: string, body: DecideChangeSetBody, actor: string): Promise<ChangeSetDecision> {
  const set = await existing(deps.pool, id);
  const known = await integrationOf(deps, set);
  refuseMoved(set, body.token);
  if (body.dryRun) return { id, decision: body.decision, dryRun: true, records: set.items };
  const state = body.decision === 'approve' ? 'approved' : 'rejected';
  await inTransaction(deps.pool, async (transaction) => {
    const now = deps.clock();
    if (!await closeChangeSet(transaction, set, state, actor, now)) throw new StateMoved('it changed while it was decided; look again', []);
    if (set.kind === 'canary') await decideCanary(transaction, set, body.decision, now);
    await insertAudit(transaction, { tenantId: set.tenantId, auditId: deps.newId(), actor, action: `change-set.${body.decision}`, target: `${set.integrationId} ${id} ${set.kind} ${set.items} records`, doneAt: now });
  });
  const records = await settleItems(deps, known, { ...set, state });
  deps.wake.notify(set.tenantId, set.integrationId);
  return { id, decision: body.decision, dryRun: false, records };
}

/** Going on is for the configuration that is applied; without an approval the integration stops until somebody resumes it. */
async function decideCanary(transaction: Transaction, set: StoredChangeSet, decision: DecideChangeSetBody['decision'], now: number): Promise<void> {
  if (decision === 'approve') approveCanary(transaction, set, Number(set.riskKey), now);
  else await setPaused(transaction, set, true);
}

/** Carries on with decisions that a process left half-way. */
export async function settleClosed(deps: ResolveDeps): Promise<void> {
  for (const set of await unsettledChangeSets(deps.pool)) {
    await settleItems(deps, await integrationOf(deps, set), set);
    deps.wake.notify(set.tenantId, set.integrationId);
  }
}

function refuseMoved(set: StoredChangeSet, token: string): void {
  if (set.state !== 'open') throw new StateMoved(`the change-set is ${set.state} already`, []);
  if (set.token === token) return;
  const [was] = token.split('-');
  throw new StateMoved(was === String(set.items) ? `it is ${was} records as before, but not the same, or with other values; look again` : `it was ${was ?? '?'} records when it was shown and is ${set.items} now; look again`, []);
}

/** The links of a closed change-set, page by page; done again it does nothing. */
async function settleItems(deps: ResolveDeps, known: KnownIntegration, set: StoredChangeSet): Promise<number> {
  let records = 0;
  for (let after = ''; ;) {
    const items = await pageItems(deps.pool, set, after, PAGE);
    const last = items.at(-1);
    if (!last) break;
    records += await inTransaction(deps.pool, (transaction) => settlePage(transaction, deps, known, set, items));
    after = last.linkId;
  }
  await markSettled(deps.pool, set, deps.clock());
  return records;
}

async function settlePage(transaction: Transaction, deps: ResolveDeps, known: KnownIntegration, set: StoredChangeSet, items: readonly RiskItem[]): Promise<number> {
  const locked = await lockByKey(transaction, [...new Set(items.map(({ linkId }) => linkId))].map((linkId) => ({ ...keyOf(set), linkId })));
  const now = deps.clock();
  const settled = locked.filter(({ link }) => isMarked(link, set.changeSetId)).map(({ link }): { link: Link; groups: readonly GroupVerdict[] } => {
    if (set.state === 'approved') return { link: withoutGuarded(link, set.changeSetId), groups: [] };
    const rejected = rejectGuarded(link, set.changeSetId, known.context, now);
    return { link: decideLink(rejected.link, known.context, now).link, groups: rejected.groups };
  });
  saveLinks(transaction, [], settled.map(({ link }) => ({ link, lane: null, lease: 'keep' })), now);
  insertDecisions(transaction, settled.filter(({ groups }) => groups.length > 0).map(({ link, groups }) => ({
    source: null,
    decision: {
      decisionId: deps.newId(), tenantId: link.tenantId, integrationId: link.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId,
      causeId: set.changeSetId, cause: 'operator', side: null, verdict: 'skipped', groups, decidedAt: now,
    },
  })));
  return settled.length;
}

function isMarked({ state }: Link, changeSetId: string): boolean {
  return state.guarded === changeSetId || Object.values(state.groups).some(({ guarded }) => guarded === changeSetId);
}

async function existing(pool: Pool, id: string): Promise<StoredChangeSet> {
  const set = await readChangeSet(pool, id);
  if (!set) throw new SyncError('not_found', `there is no change-set ${id}`);
  return set;
}

async function integrationOf({ book }: Pick<ResolveDeps, 'book'>, set: StoredChangeSet): Promise<KnownIntegration> {
  await book.refresh();
  const known = book.all().find((one) => one.tenantId === set.tenantId && one.integrationId === set.integrationId);
  if (!known) throw new SyncError('not_found', `there is no integration ${set.tenantId}/${set.integrationId}`);
  return known;
}

function keyOf({ tenantId, integrationId }: StoredChangeSet): { tenantId: string; integrationId: string } {
  return { tenantId, integrationId };
}
