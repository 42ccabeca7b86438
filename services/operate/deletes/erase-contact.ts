/**
 * Erases a person, as the operator orders (GDPR Art. 17, PDPL): the links of the contact, in all integrations unless one is
 * named, forget everything but the ids; keyed hashes keep the person out; the traces elsewhere are cleared in the background
 * (services/reconcile/clear-traces.ts), and the systems, when they are asked, erase through delivery.
 */
import { eraseForOperator } from '../../../domain/erase.ts';
import { idOn } from '../../../domain/link.ts';
import type { Link } from '../../../domain/link.ts';
import { personKeysOfLink } from '../../../domain/match.ts';
import { inTransaction } from '../../../runtime/database.ts';
import type { Transaction } from '../../../runtime/database.ts';
import type { PersonHashes } from '../../../runtime/person-hash.ts';
import type { EraseAnswer, Erasure } from '../../../schemas/api-deletes.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { insertAudit } from '../../../store/audit.ts';
import { insertErasures, listErasures, writeReceipts } from '../../../store/erasures.ts';
import type { NewErasure, Receipt } from '../../../store/erasures.ts';
import { findLinksOfFormer } from '../../../store/deleted.ts';
import { lockLinks, saveLinks } from '../../../store/links.ts';
import type { StoredLink } from '../../../store/links.ts';
import { erasureOf as newErasure } from '../../../store/new-erasure.ts';
import { clearTraces } from '../../../store/traces.ts';
import { erasureOf } from './erasure-view.ts';
import { filterOf } from './list-deleted.ts';
import type { ResolveDeps } from '../conflicts/resolve-conflict.ts';

export interface EraseDeps extends ResolveDeps {
  /** Null where no key is set: then an operator cannot erase, for nothing would keep the person out. */
  readonly personHashes: PersonHashes | null;
}

export interface EraseOrder {
  readonly contact: string;
  readonly tenant?: string | undefined;
  readonly integration?: string | undefined;
  readonly propagate: boolean;
  readonly dryRun: boolean;
}

/** Ends a transaction of which only the counts were wanted. */
class Counted extends Error {
  readonly answer: EraseAnswer;

  constructor(answer: EraseAnswer) {
    super('dry run');
    this.answer = answer;
  }
}

/** Throws SyncError `not_found`, `change_malformed`, `configuration_missing`, or `state_moved` when everything was erased before. */
export async function eraseContact(deps: EraseDeps, order: EraseOrder, actor: string): Promise<EraseAnswer> {
  if (!deps.personHashes) throw new SyncError('configuration_missing', 'ERASURE_HASH_KEYS is not set: without it nothing would keep the person from being imported again');
  const found = await findLinksOfFormer(deps.pool, order.contact, filterOf(order));
  const [first] = found;
  if (!first) throw new SyncError('not_found', 'no link has or had a contact of this id');
  if (found.some(({ link }) => link.tenantId !== first.link.tenantId)) throw new SyncError('change_malformed', 'several tenants have this id: name the tenant');
  await deps.book.refresh();
  const answer = await inTransaction(deps.pool, (transaction) => eraseLocked(transaction, deps, order, found, actor)).catch((error: unknown) => {
    if (error instanceof Counted) return error.answer;
    throw error;
  });
  if (answer.dryRun) return answer;
  for (const { integration } of answer.records) deps.wake.notify(answer.tenant, integration);
  return answer;
}

async function eraseLocked(transaction: Transaction, deps: EraseDeps, order: EraseOrder, found: readonly StoredLink[], actor: string): Promise<EraseAnswer> {
  const now = deps.clock();
  const plans = planErasure(await lockPerson(transaction, order, found), order.propagate);
  const fresh = plans.filter(({ link }) => !link.erased);
  const again = plans.filter(({ link, asked }) => link.erased && asked.length > 0);
  const tenantId = plans[0]?.link.tenantId ?? '';
  if (fresh.length + again.length === 0) throw new SyncError('state_moved', 'this person was erased before; `erase list` shows the receipts');
  const erasureId = fresh.length > 0 ? deps.newId() : again[0]?.link.state.erasure ?? '';
  const erasure = erasureOfPlans(deps, fresh, { tenantId, erasureId, requestedBy: actor, at: now });
  saveLinks(transaction, [], [...fresh, ...again].map(({ link, asked }) => ({ link: eraseForOperator(link, erasureId, asked), lane: 'live', lease: 'keep' })), now);
  if (fresh.length > 0) insertErasures(transaction, [erasure]);
  for (const { link, asked } of again) writeReceipts(transaction, { tenantId, erasureId: link.state.erasure ?? erasureId }, asked.map((side) => askedReceipt(link, side, now)));
  await insertAudit(transaction, { tenantId, auditId: deps.newId(), actor, action: order.propagate ? 'contact.erase.propagate' : 'contact.erase', target: erasureId, doneAt: now });
  const answer: EraseAnswer = {
    dryRun: order.dryRun, tenant: tenantId, erasure: order.dryRun ? null : erasureId, hashes: erasure.hashes.length, items: { links: fresh.length },
    records: plans.map(({ link }) => ({ integration: link.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId, erasedBefore: link.erased })),
    systems: [...fresh, ...again].flatMap(({ link, asked, notAsked }) => [...asked, ...notAsked].map((side) => ({ side, integration: link.integrationId, id: idOn(link, side) ?? '', asked: asked.includes(side) }))),
  };
  if (!order.dryRun) return answer;
  // What clearing would find; the transaction is given up.
  throw new Counted({ ...answer, items: { ...answer.items, ...await clearTraces(transaction, erasure, []) } });
}

function erasureOfPlans(deps: EraseDeps, plans: readonly Planned[], head: { readonly tenantId: string; readonly erasureId: string; readonly requestedBy: string; readonly at: number }): NewErasure {
  const links = plans.map(({ link }) => link);
  return withParted(newErasure({
    ...head, origin: 'operator',
    links: plans.map(({ link, asked, notAsked }) => ({ link, told: null, asked, notAsked })),
    personKeys: links.flatMap((link) => keysOf(deps, link)),
  }, deps.personHashes), links);
}

function askedReceipt({ integrationId }: Link, side: Side, at: number): Receipt {
  return { place: `system:${side}`, integrationId, state: 'asked', items: 1, at, untilAt: null, detail: null };
}

/** All links of the person: those of the contact, and in the other integrations those of its Bevatel contact, unless one integration is named. */
async function lockPerson(transaction: Transaction, order: EraseOrder, found: readonly StoredLink[]): Promise<readonly Link[]> {
  const shared = order.integration === undefined ? [...new Set(found.flatMap(({ link }) => link.bevatelId ?? []))] : [];
  const tenantId = found[0]?.link.tenantId ?? '';
  const locked = await lockLinks(transaction, shared.map((recordId) => ({ tenantId, integrationId: null, side: 'bevatel', recordId })), found.map(({ link }) => link));
  return locked.map(({ link }) => link);
}

interface Planned {
  readonly link: Link;
  readonly asked: readonly Side[];
  readonly notAsked: readonly Side[];
}

/** A Bevatel contact that several integrations share is asked for once. */
function planErasure(links: readonly Link[], propagate: boolean): readonly Planned[] {
  const taken = new Set<string>();
  return links.map((link) => {
    const sides = SIDES.filter((side) => {
      const id = idOn(link, side);
      const isErased = link.state.gone?.[side]?.how === 'erased';
      if (id === null || isErased || (side === 'bevatel' && taken.has(id))) return false;
      if (side === 'bevatel') taken.add(id);
      return true;
    });
    return propagate ? { link, asked: sides, notAsked: [] } : { link, asked: [], notAsked: sides };
  });
}

function keysOf({ book }: EraseDeps, link: Link): readonly string[] {
  const known = book.all().find((one) => one.tenantId === link.tenantId && one.integrationId === link.integrationId);
  return known ? personKeysOfLink(known.context.mapping, link) : [];
}

/** Records from which a link was parted left traces under ids of their own. */
function withParted(erasure: NewErasure, links: readonly Link[]): NewErasure {
  const parted = links.flatMap(({ integrationId, linkId, state }) => (state.apart ?? []).map(({ side, id }) => ({
    integrationId, linkId, bevatelId: side === 'bevatel' ? id : null, externalId: side === 'external' ? id : null,
  })));
  return { ...erasure, records: [...erasure.records, ...parted] };
}

/** The newest first. */
export async function eraseReceipts({ pool, clock }: Pick<EraseDeps, 'pool' | 'clock'>, query: { readonly tenant?: string | undefined; readonly limit: number; readonly before?: number | undefined }): Promise<{ erasures: Erasure[]; next: number | null }> {
  const stored = await listErasures(pool, { tenantId: query.tenant ?? null, erasureId: null }, { limit: query.limit, before: query.before ?? null });
  return { erasures: stored.map((one) => erasureOf(one, clock())), next: stored.length === query.limit ? stored.at(-1)?.requestedAt ?? null : null };
}

/** Throws SyncError `not_found`. */
export async function eraseReceipt({ pool, clock }: Pick<EraseDeps, 'pool' | 'clock'>, params: { readonly tenant: string; readonly id: string }): Promise<Erasure> {
  const [stored] = await listErasures(pool, { tenantId: params.tenant, erasureId: params.id }, { limit: 1, before: null });
  if (!stored) throw new SyncError('not_found', `there is no erasure ${params.id} of ${params.tenant}`);
  return erasureOf(stored, clock());
}
