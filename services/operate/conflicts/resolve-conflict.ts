/**
 * Carries an operator's word out: under the link's lock the hold is resolved, the link decided anew, and state,
 * decision and audit are committed together. Delivery is woken afterwards.
 */
import type { Pool } from 'pg';
import { isDeleteHold } from '../../../domain/decide-gone.ts';
import { decideLink } from '../../../domain/decide-link.ts';
import type { Held, Link } from '../../../domain/link.ts';
import { joinLinks, movedSides, releaseHold, resolveHeld } from '../../../domain/resolve.ts';
import type { Pair, Resolved } from '../../../domain/resolve.ts';
import { probeAgain, resolveDeletion } from '../../../domain/resolve-deletion.ts';
import { inTransaction } from '../../../runtime/database.ts';
import type { Transaction } from '../../../runtime/database.ts';
import type { Wake } from '../../../runtime/deps.ts';
import type { ApiError, ResolveBody } from '../../../schemas/api.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { insertAudit } from '../../../store/audit.ts';
import { findLinksById } from '../../../store/conflicts.ts';
import { decisionsOfLink, insertDecisions } from '../../../store/decisions.ts';
import type { IntegrationBook, KnownIntegration } from '../../../store/integration-book.ts';
import { deleteLinks, lockLinks, saveLinks } from '../../../store/links.ts';
import type { LinkKey, StoredLink } from '../../../store/links.ts';
import { replaceMatchKeys } from '../../../store/match-keys.ts';
import { heldTag, holdTag, parseConflictId, valuesOf } from './conflict-view.ts';
import type { ConflictId } from './conflict-view.ts';
import { operatorVerdict } from './operator-verdict.ts';

export interface ResolveDeps {
  readonly pool: Pool;
  readonly book: IntegrationBook;
  readonly wake: Pick<Wake, 'notify'>;
  readonly clock: () => number;
  readonly newId: () => string;
}

export interface ResolveAnswer {
  readonly resolved: true;
  readonly linkId: string;
  readonly group: string | null;
  readonly write: { readonly side: 'bevatel' | 'external'; readonly values: ReturnType<typeof valuesOf> } | null;
}

/** A stale order: what changed since it was shown. */
export class StateMoved extends SyncError {
  readonly changed: NonNullable<ApiError['changed']>;

  constructor(message: string, changed: NonNullable<ApiError['changed']>) {
    super('state_moved', message);
    this.changed = changed;
  }
}

/** Throws SyncError `not_found`, `state_moved` (StateMoved) or `change_malformed`. */
export async function resolveConflict(deps: ResolveDeps, body: ResolveBody, actor: string): Promise<ResolveAnswer> {
  const id = parseConflictId(body.id);
  if (!id) throw new SyncError('change_malformed', 'this is no id of a conflict; copy it from the list');
  const [stored, ...others] = await findLinksById(deps.pool, id.linkId, { tenantId: null, integrationId: null });
  if (!stored || others.length > 0) throw new SyncError('not_found', `there is no link ${id.linkId}`);
  await deps.book.refresh();
  const known = deps.book.all().find((one) => one.tenantId === stored.link.tenantId && one.integrationId === stored.link.integrationId);
  if (!known) throw new SyncError('not_found', `there is no integration ${stored.link.tenantId}/${stored.link.integrationId}`);
  const was = id.group === null ? null : await shownPair(deps.pool, stored.link, id);
  const answer = await inTransaction(deps.pool, (transaction) => resolveLocked(transaction, { deps, known, id, body, actor, was, key: stored.link }));
  deps.wake.notify(known.tenantId, known.integrationId);
  return answer;
}

interface Order {
  readonly deps: ResolveDeps;
  readonly known: KnownIntegration;
  readonly id: ConflictId;
  readonly body: ResolveBody;
  readonly actor: string;
  readonly was: Pair | null;
  readonly key: LinkKey;
}

async function resolveLocked(transaction: Transaction, order: Order): Promise<ResolveAnswer> {
  const { deps, known, id, body, actor } = order;
  const partnerKey = body.linkWith === undefined ? [] : [{ ...keyOf(order.key), linkId: body.linkWith }];
  const locked = await lockLinks(transaction, [], [keyOf(order.key), ...partnerKey]);
  const stored = locked.find(({ link }) => link.linkId === id.linkId);
  if (!stored) throw new SyncError('not_found', `there is no link ${id.linkId}`);
  const partner = locked.find(({ link }) => link.linkId === body.linkWith);
  const now = deps.clock();
  const held = id.group === null ? null : stored.link.state.groups[id.group]?.held ?? null;
  const resolved = unwrap(resolveAny(order, stored, partner), order);
  const decided = decideLink(resolved, known.context, now);
  if (partner) absorb(transaction, stored, partner);
  saveLinks(transaction, [], [{ link: decided.link, lane: 'live', lease: 'keep' }], now);
  const auditId = deps.newId();
  const groups = id.group === null || !held ? decided.groups : [operatorVerdict(decided.groups, id.group, held, body.winner ?? 'retry')];
  insertDecisions(transaction, [{
    source: null,
    decision: {
      decisionId: deps.newId(), tenantId: known.tenantId, integrationId: known.integrationId, linkId: stored.link.linkId,
      bevatelId: decided.link.bevatelId, externalId: decided.link.externalId, causeId: auditId, cause: 'operator', side: null,
      verdict: partner ? 'linked' : id.group === null ? decided.verdict ?? 'unchanged' : 'conflict_resolved', groups, decidedAt: now,
    },
  }]);
  await insertAudit(transaction, { tenantId: known.tenantId, auditId, actor, action: 'conflict.resolve', target: targetOf(id, body), doneAt: now });
  const wanted = id.group === null ? undefined : decided.link.state.groups[id.group]?.wanted;
  return { resolved: true, linkId: stored.link.linkId, group: id.group, write: wanted ? { side: wanted.side, values: valuesOf(wanted.values) } : null };
}

function resolveAny({ known, id, body, actor, was }: Order, stored: StoredLink, partner: StoredLink | undefined): Resolved {
  if (id.group !== null) {
    const rule = known.context.mapping.byName.get(id.group);
    if (!rule || body.winner === undefined) throw new SyncError('change_malformed', rule ? 'a held field is resolved by its winner' : 'the mapping has no such field any more');
    return resolveHeld(stored.link, rule, { winner: body.winner, by: actor, seenPair: was });
  }
  const { hold } = stored.link.state;
  if (hold && holdTag(hold) !== id.tag) throw new StateMoved('another hold stands there by now', []);
  if (isDeleteHold(hold)) return resolveDeletionHold(stored.link, body, actor);
  if (body.winner !== undefined) throw new SyncError('change_malformed', 'this hold on the link as a whole is resolved by retry or by linkWith');
  if (body.linkWith === undefined) return releaseHold(stored.link);
  if (!partner) throw new SyncError('not_found', `there is no link ${body.linkWith} in this integration`);
  return joinLinks(stored.link, partner.link);
}

function resolveDeletionHold(link: Link, { winner, linkWith }: ResolveBody, actor: string): Resolved {
  if (linkWith !== undefined) throw new SyncError('change_malformed', 'between a deletion and an edit one side wins, or the record is looked for once more');
  return winner === undefined ? probeAgain(link) : resolveDeletion(link, winner, actor);
}

function unwrap(resolved: Resolved, { was }: Order): Link {
  switch (resolved.kind) {
    case 'resolved': return resolved.link;
    case 'not_held': throw new StateMoved('nothing is held there any more', []);
    case 'state_moved': throw new StateMoved('the values have moved since they were shown', changes(was, resolved.present));
    case 'refused': throw new SyncError('change_malformed', `this cannot be done: ${resolved.reason}`);
    default: return resolved satisfies never;
  }
}

function changes(was: Pair | null, present: Held): NonNullable<ApiError['changed']> {
  return movedSides(was, present).map(({ side, was: before, now }) => ({ side, was: before && valuesOf(before), now: valuesOf(now) }));
}

/** The other record moves in; its own row goes first, so that the ids stay unique (I4). */
function absorb(transaction: Transaction, kept: StoredLink, partner: StoredLink): void {
  replaceMatchKeys(transaction, [keyOf(kept.link), keyOf(partner.link)], []);
  deleteLinks(transaction, [keyOf(partner.link)]);
}

/** The pair that the tag was made of: the one held now, or one that was held before, from the decisions. */
async function shownPair(pool: Pool, link: Link, id: ConflictId): Promise<Pair | null> {
  const held = link.state.groups[id.group ?? '']?.held;
  if (held && heldTag(held.type, held) === id.tag) return { bevatel: held.bevatel, external: held.external };
  for (const { groups } of await decisionsOfLink(pool, keyOf(link), 200)) {
    for (const { group, conflict, bevatel, external } of groups) {
      if (group === id.group && conflict && bevatel && external && heldTag(conflict, { bevatel, external }) === id.tag) return { bevatel, external };
    }
  }
  return null;
}

function targetOf(id: ConflictId, body: ResolveBody): string {
  const how = body.winner ?? (body.linkWith === undefined ? 'retry' : `link-with:${body.linkWith}`);
  return `${id.linkId}${id.group === null ? '' : `/${id.group}`} ${how}`;
}

function keyOf({ tenantId, integrationId, linkId }: LinkKey): LinkKey {
  return { tenantId, integrationId, linkId };
}

