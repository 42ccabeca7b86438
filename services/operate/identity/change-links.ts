/**
 * Carries an operator's word on who is whom out: previewed, and refused where anything has changed since the preview. Under
 * the integration's identity locks the links are rearranged (domain/rearrange.ts) and decided anew; links, keys, decisions
 * and the audit are committed together. Delivery is woken afterwards.
 */
import type { Pool } from 'pg';
import { decideLink } from '../../../domain/decide-link.ts';
import type { LinkDecision } from '../../../domain/decide-link.ts';
import type { Link } from '../../../domain/link.ts';
import { rearrange } from '../../../domain/rearrange.ts';
import type { Rearranged, WantedPair, Word } from '../../../domain/rearrange.ts';
import { inTransaction } from '../../../runtime/database.ts';
import type { Transaction } from '../../../runtime/database.ts';
import type { LinkBody, LinksChange, SplitBody, UnlinkBody } from '../../../schemas/api-identity.ts';
import type { ContactDecision } from '../../../schemas/decision.ts';
import { WHOLE_RECORD } from '../../../schemas/decision.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { insertAudit } from '../../../store/audit.ts';
import type { LinkFilter } from '../../../store/conflicts.ts';
import { insertDecisions } from '../../../store/decisions.ts';
import type { KnownIntegration } from '../../../store/integration-book.ts';
import { deleteLinks, lockLinks, releaseRecords, saveLinks } from '../../../store/links.ts';
import type { LinkKey } from '../../../store/links.ts';
import { keyMovesOf, lockAllIdentities, moveKeys } from '../../../store/match-keys.ts';
import { queueMatching } from '../../../store/match-queue.ts';
import { tagOf } from '../conflicts/conflict-view.ts';
import { StateMoved } from '../conflicts/resolve-conflict.ts';
import type { ResolveDeps } from '../conflicts/resolve-conflict.ts';
import { linkView, scoreOf } from './link-view.ts';
import { findLink, findParty } from './parties.ts';
import type { Party } from './parties.ts';

type Action = 'link' | 'relink' | 'unlink' | 'split';

interface Order {
  readonly action: Action;
  readonly links: readonly Link[];
  readonly pairs: readonly WantedPair[];
  readonly leftover: Word['leftover'];
  readonly dryRun: boolean;
  readonly token: string | undefined;
}

type Scope = Pick<LinkBody, 'tenant' | 'integration'>;

/** Both have no partner. Throws SyncError `not_found`, `change_malformed` or `state_moved`, as all of these do. */
export async function linkRecords(deps: ResolveDeps, body: LinkBody, actor: string): Promise<LinksChange> {
  const [a, b] = await twoParties(deps.pool, body);
  const paired = [a, b].find(({ link }) => link.bevatelId !== null && link.externalId !== null);
  if (paired) throw new SyncError('change_malformed', `${paired.side} ${paired.id} has a partner: relink exchanges it`);
  return change(deps, { ...body, token: body.token, action: 'link', links: [a.link, b.link], pairs: [pairOf(a, b)], leftover: 'alone' }, actor);
}

export async function relinkRecords(deps: ResolveDeps, body: LinkBody, actor: string): Promise<LinksChange> {
  const [a, b] = await twoParties(deps.pool, body);
  return change(deps, { ...body, token: body.token, action: 'relink', links: [a.link, b.link], pairs: [pairOf(a, b)], leftover: 'alone' }, actor);
}

export async function unlinkRecords(deps: ResolveDeps, body: UnlinkBody, actor: string): Promise<LinksChange> {
  const link = await findLink(deps.pool, body.link, filterOf(body));
  if (link.bevatelId === null || link.externalId === null) throw new SyncError('change_malformed', 'the record has no partner');
  return change(deps, { ...body, token: body.token, action: 'unlink', links: [link], pairs: [], leftover: 'alone' }, actor);
}

export async function splitLink(deps: ResolveDeps, body: SplitBody, actor: string): Promise<LinksChange> {
  const link = await findLink(deps.pool, body.link, filterOf(body));
  const named = await Promise.all([namedFor(deps.pool, link, 'bevatel', body.bevatelWith, body), namedFor(deps.pool, link, 'external', body.externalWith, body)]);
  const partners = named.flatMap((one) => one ?? []);
  return change(deps, {
    ...body, token: body.token, action: 'split', leftover: 'anew',
    links: [link, ...partners.map(({ partner }) => partner.link)], pairs: partners.map(({ own, partner }) => pairOf(own, partner)),
  }, actor);
}

/** The partner that the link's record of a side is to get; it must have none. */
async function namedFor(pool: Pool, link: Link, side: Side, name: string | undefined, scope: Scope): Promise<{ readonly own: Party; readonly partner: Party } | null> {
  if (name === undefined) return null;
  const id = side === 'bevatel' ? link.bevatelId : link.externalId;
  if (id === null) throw new SyncError('change_malformed', `the link has no ${side} record`);
  const partner = await findParty(pool, name, { tenantId: link.tenantId, integrationId: scope.integration ?? link.integrationId });
  if (partner.link.bevatelId !== null && partner.link.externalId !== null) throw new SyncError('change_malformed', `${partner.side} ${partner.id} has a partner: relink exchanges it`);
  return { own: { link, side, id }, partner };
}

async function twoParties(pool: Pool, body: LinkBody): Promise<readonly [Party, Party]> {
  const a = await findParty(pool, body.a, filterOf(body));
  return [a, await findParty(pool, body.b, { tenantId: a.link.tenantId, integrationId: a.link.integrationId })];
}

function filterOf({ tenant, integration }: Scope): LinkFilter {
  return { tenantId: tenant ?? null, integrationId: integration ?? null };
}

function pairOf(a: Party, b: Party): WantedPair {
  if (a.side === b.side) throw new SyncError('change_malformed', `${a.id} and ${b.id} are both ${a.side} records: two of one side are merged in their system`);
  return a.side === 'bevatel' ? { bevatel: a.id, external: b.id } : { bevatel: b.id, external: a.id };
}

async function change(deps: ResolveDeps, order: Order, actor: string): Promise<LinksChange> {
  await deps.book.refresh();
  const [{ tenantId = '', integrationId = '' } = {}] = order.links;
  const known = deps.book.all().find((one) => one.tenantId === tenantId && one.integrationId === integrationId);
  if (!known) throw new SyncError('not_found', `there is no integration ${tenantId}/${integrationId}`);
  const answer = await inTransaction(deps.pool, (transaction) => changeLocked(transaction, { deps, known, actor }, order));
  if (!order.dryRun) deps.wake.notify(tenantId, integrationId);
  return answer;
}

interface Run {
  readonly deps: ResolveDeps;
  readonly known: KnownIntegration;
  readonly actor: string;
}

interface Decided extends LinkDecision {
  readonly before: Link | null;
}

async function changeLocked(transaction: Transaction, run: Run, order: Order): Promise<LinksChange> {
  const { deps, known, actor } = run;
  lockAllIdentities(transaction, known);
  const locked = (await lockLinks(transaction, [], order.links.map(keyOf))).map(({ link }) => link);
  const token = tagOf([order.action, order.pairs, locked.map(identityOf)]);
  const isMoved = locked.length < new Set(order.links.map(({ linkId }) => linkId)).size || (order.token !== undefined && order.token !== token);
  if (isMoved) throw new StateMoved('the links stand otherwise than when this was previewed: look at them again', []);
  const now = deps.clock();
  const { links, ended } = unwrap(rearrange(locked, { pairs: order.pairs, leftover: order.leftover, by: actor, now, newId: deps.newId }));
  const decided = links.map(({ before, link }): Decided => ({ before, ...decideLink(link, known.context, now) }));
  if (!order.dryRun) await commit(transaction, run, order, decided, ended, now);
  const { mapping } = known.context;
  return {
    dryRun: order.dryRun, tenant: known.tenantId, integration: known.integrationId, token,
    before: locked.map((link) => linkView(link, mapping)),
    after: decided.map(({ link, groups }) => {
      const view = linkView(link, mapping);
      return { ...view, score: scoreOf(view.names), fields: groups.map((one) => ({ group: one.group, verdict: one.verdict, rule: one.rule, conflict: one.conflict ?? null, writeTo: one.writeTo ?? null })) };
    }),
  };
}

/** What the order is about: who is in which link, and what is under way there. */
function identityOf({ linkId, bevatelId, externalId, erased, state: { hold, gone, alone, absorbed } }: Link): unknown {
  return [linkId, bevatelId, externalId, erased, hold?.kind ?? null, hold?.since ?? null, SIDES.map((side) => gone?.[side]?.at ?? null), alone?.since ?? null, absorbed?.at ?? null];
}

function unwrap(rearranged: Rearranged): Extract<Rearranged, { kind: 'rearranged' }> {
  if (rearranged.kind === 'rearranged') return rearranged;
  throw new SyncError('change_malformed', ADVICE[rearranged.reason]);
}

const ADVICE: Readonly<Record<Extract<Rearranged, { kind: 'refused' }>['reason'], string>> = {
  erased: 'one of them was erased for privacy',
  gone: 'one of the records is deleted: restore it first, or resolve its conflict',
  in_flight: 'a call for one of them is under way; try again in a moment',
  nothing_to_do: 'it stands so already',
};

async function commit(transaction: Transaction, { deps, known, actor }: Run, { action, pairs, links }: Order, decided: readonly Decided[], ended: readonly Link[], now: number): Promise<void> {
  const isNew = ({ before }: Decided): boolean => before === null;
  deleteLinks(transaction, ended.map(keyOf), now);
  releaseRecords(transaction, decided.flatMap(({ before }) => (before ? releasedBy(before) : [])));
  const write = ({ link }: Decided) => ({ link, lane: 'live' as const, lease: 'keep' as const });
  saveLinks(transaction, decided.filter(isNew).map(write), decided.filter((one) => !isNew(one)).map(write), now);
  moveKeys(transaction, keyMovesOf(known.context.mapping, decided.map(({ before, link }) => ({ before, after: link }))), now);
  queueMatching(transaction, decided.flatMap(({ link }) => (link.bevatelId === null || link.externalId === null ? [keyOf(link)] : [])), now);
  const auditId = deps.newId();
  insertDecisions(transaction, decided.map((one) => ({ source: null, decision: decisionOf(one, action, { decisionId: deps.newId(), auditId, now }) })));
  const target = [links.map(({ linkId }) => linkId).join('+'), ...pairs.map(({ bevatel, external }) => `${bevatel}=${external}`)].join(' ');
  await insertAudit(transaction, { tenantId: known.tenantId, auditId, actor, action: `links.${action}`, target, doneAt: now });
}

/** A link of a pair gives one of its records up before another gets it: its own row keeps one at any time. */
function releasedBy({ bevatelId, externalId, ...link }: Link): { readonly link: LinkKey; readonly side: Side }[] {
  return bevatelId !== null && externalId !== null ? [{ link: keyOf(link), side: 'external' }] : [];
}

function keyOf({ tenantId, integrationId, linkId }: LinkKey): LinkKey {
  return { tenantId, integrationId, linkId };
}

function decisionOf({ link, groups }: Decided, action: Action, { decisionId, auditId, now }: { readonly decisionId: string; readonly auditId: string; readonly now: number }): ContactDecision {
  const { tenantId, integrationId, linkId, bevatelId, externalId } = link;
  const verdict = bevatelId !== null && externalId !== null ? 'linked' : 'unlinked';
  return {
    decisionId, tenantId, integrationId, linkId, bevatelId, externalId, causeId: auditId, cause: 'operator', side: null, verdict, decidedAt: now,
    groups: [{ group: WHOLE_RECORD, verdict, rule: `operator:${action}` }, ...groups.filter(({ group }) => group !== WHOLE_RECORD)],
  };
}
