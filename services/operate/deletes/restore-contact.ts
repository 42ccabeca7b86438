/**
 * Restores a contact, as the operator orders: what is gone of it is made again from its last image, on every side. Of several
 * integrations that share a Bevatel contact, one makes it again and the others follow (services/deliver/followers.ts).
 */
import { decideLink } from '../../../domain/decide-link.ts';
import { idOn } from '../../../domain/link.ts';
import type { Link } from '../../../domain/link.ts';
import { joinLinks } from '../../../domain/resolve.ts';
import { restore } from '../../../domain/restore.ts';
import type { Restoration, RestoreRefusal } from '../../../domain/restore.ts';
import { inTransaction } from '../../../runtime/database.ts';
import type { Transaction } from '../../../runtime/database.ts';
import type { RestoreAnswer } from '../../../schemas/api-deletes.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { insertAudit } from '../../../store/audit.ts';
import { insertDecisions } from '../../../store/decisions.ts';
import { findLinksOfFormer } from '../../../store/deleted.ts';
import type { KnownIntegration } from '../../../store/integration-book.ts';
import { deleteLinks, lockLinks, saveLinks } from '../../../store/links.ts';
import type { RecordRef, StoredLink } from '../../../store/links.ts';
import { replaceMatchKeys } from '../../../store/match-keys.ts';
import { deletedOf, imageOf } from './deleted-view.ts';
import { filterOf } from './list-deleted.ts';
import type { ResolveDeps } from '../conflicts/resolve-conflict.ts';

export interface RestoreOrder {
  readonly contact: string;
  readonly tenant?: string | undefined;
  readonly integration?: string | undefined;
  readonly dryRun: boolean;
}

const ADVICE: Readonly<Record<RestoreRefusal | 'taken', string>> = {
  not_gone: 'Nothing of it is missing.',
  no_image: 'Its last image is not kept any longer; create the record in its system.',
  no_partner: 'It never had a partner; create the record in its system.',
  erased: 'It was erased for privacy; `erase lift` lets the person in again, what was erased does not come back.',
  in_flight: 'A call for it is under way; try again in a moment.',
  under_way: 'It is being restored already; `deleted show` tells how far.',
  direction: 'The integration\'s direction forbids to write there; restore the record in its own system.',
  taken: 'The record is paired with another one by now.',
};

/** Throws SyncError `not_found`, `change_malformed`, or `not_restorable` when nothing of it can be restored. */
export async function restoreContact(deps: ResolveDeps, order: RestoreOrder, actor: string): Promise<RestoreAnswer> {
  const found = await findLinksOfFormer(deps.pool, order.contact, filterOf(order));
  if (found.length === 0) throw new SyncError('not_found', 'no link has or had a contact of this id');
  if (new Set(found.map(({ link }) => link.tenantId)).size > 1) throw new SyncError('change_malformed', 'several tenants have this id: name the integration');
  await deps.book.refresh();
  const answer = await inTransaction(deps.pool, (transaction) => restoreLocked(transaction, deps, order, found, actor));
  if (answer.links.length === 0) throw notRestorable(answer);
  if (!order.dryRun) for (const { tenant, integration } of answer.links) deps.wake.notify(tenant, integration);
  return answer;
}

function notRestorable({ refused }: RestoreAnswer): SyncError {
  if (refused.length === 0) return new SyncError('not_restorable', 'nothing of this contact is deleted');
  return new SyncError('not_restorable', refused.map(({ integration, reason, advice }) => `${integration}: ${reason}. ${advice}`).join(' '));
}

interface Restored {
  readonly known: KnownIntegration;
  readonly before: Link;
  readonly restoration: Extract<Restoration, { kind: 'restoring' }> | null;
  readonly joined: StoredLink | null;
  readonly link: Link;
}

async function restoreLocked(transaction: Transaction, deps: ResolveDeps, order: RestoreOrder, found: readonly StoredLink[], actor: string): Promise<RestoreAnswer> {
  const now = deps.clock();
  const locked = await lockLinks(transaction, found.flatMap(partedFrom), found.map(({ link }) => link));
  const isFound = new Set(found.map(({ link }) => nameOf(link)));
  const answer: RestoreAnswer = { dryRun: order.dryRun, links: [], refused: [] };
  const done: Restored[] = [];
  for (const { link } of locked) {
    const known = deps.book.all().find((one) => one.tenantId === link.tenantId && one.integrationId === link.integrationId);
    const isJoined = done.some(({ joined }) => joined !== null && nameOf(joined.link) === nameOf(link));
    if (!known || !isFound.has(nameOf(link)) || isJoined || (!link.erased && !deletedOf(link))) continue;
    const outcome = restoreOne(link, known, locked, actor, now);
    if ('refused' in outcome) answer.refused.push({ tenant: link.tenantId, integration: link.integrationId, linkId: link.linkId, reason: outcome.refused, advice: ADVICE[outcome.refused] });
    else {
      answer.links.push(told(outcome));
      if (!isLed(outcome, done)) done.push(outcome);
    }
  }
  if (!order.dryRun) await record(transaction, deps, done, actor, now);
  return answer;
}

function nameOf({ integrationId, linkId }: Link): string {
  return `${integrationId}/${linkId}`;
}

/** The records from which a link was parted, which may have links of their own by now. */
function partedFrom({ link }: StoredLink): RecordRef[] {
  return (link.state.apart ?? []).map(({ side, id }) => ({ tenantId: link.tenantId, integrationId: link.integrationId, side, recordId: id }));
}

/** Its Bevatel contact is made again by another link of the order already; this one follows. */
function isLed({ restoration }: Restored, done: readonly Restored[]): boolean {
  const leads = done.flatMap((one) => one.restoration?.sides ?? []).filter(({ side }) => side === 'bevatel');
  return restoration?.sides.some(({ side, formerId }) => side === 'bevatel' && leads.some((lead) => lead.formerId === formerId)) === true;
}

function told({ before, restoration, joined }: Restored): RestoreAnswer['links'][number] {
  return {
    tenant: before.tenantId, integration: before.integrationId, linkId: before.linkId, joined: joined?.link.linkId ?? null,
    sides: (restoration?.sides ?? []).map(({ side, formerId, image }) => ({ side, formerId, image: imageOf(image) })),
  };
}

function restoreOne(link: Link, known: KnownIntegration, locked: readonly StoredLink[], actor: string, now: number): Restored | { readonly refused: keyof typeof ADVICE } {
  const holder = link.state.alone ? holderOf(link, locked) : null;
  if (holder) {
    const joined = joinLinks(withoutParting(link), withoutParting(holder.link));
    return joined.kind === 'resolved' ? { known, before: link, restoration: null, joined: holder, link: joined.link } : { refused: 'taken' };
  }
  const { direction } = known.integration;
  const restoration = restore(link, { bevatel: direction !== 'to_external', external: direction !== 'to_bevatel' }, actor, now);
  return restoration.kind === 'refused' ? { refused: restoration.reason } : { known, before: link, restoration, joined: null, link: restoration.link };
}

/** The link that the record has by now from which this one was parted: it came back by itself. */
function holderOf(link: Link, locked: readonly StoredLink[]): StoredLink | null {
  const last = link.state.apart?.at(-1);
  return locked.find((other) => last !== undefined && other.link.linkId !== link.linkId && other.link.integrationId === link.integrationId && idOn(other.link, last.side) === last.id) ?? null;
}

function withoutParting(link: Link): Link {
  const { apart: _apart, alone: _alone, forgetAt: _forgetAt, ...state } = link.state;
  return { ...link, state };
}

async function record(transaction: Transaction, deps: ResolveDeps, done: readonly Restored[], actor: string, now: number): Promise<void> {
  const decided = done.map((one) => ({ ...one, ...decideLink(one.link, one.known.context, now) }));
  const absorbed = decided.flatMap(({ joined }) => joined?.link ?? []);
  replaceMatchKeys(transaction, [...absorbed, ...decided.filter(({ joined }) => joined !== null).map(({ link }) => link)], []);
  deleteLinks(transaction, absorbed);
  saveLinks(transaction, [], decided.map(({ link }) => ({ link, lane: 'live', lease: 'keep' })), now);
  for (const { link, known, groups } of decided) {
    const auditId = deps.newId();
    insertDecisions(transaction, [{
      source: null,
      decision: {
        decisionId: deps.newId(), tenantId: known.tenantId, integrationId: known.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId,
        causeId: auditId, cause: 'operator', side: null, verdict: 'restored', groups, decidedAt: now,
      },
    }]);
    await insertAudit(transaction, { tenantId: known.tenantId, auditId, actor, action: 'contact.restore', target: link.linkId, doneAt: now });
  }
}
