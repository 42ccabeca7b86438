/** History: decisions as they were made, the newest first, by key. What a page looks at is bounded, not what it finds. */
import type { Pool } from 'pg';
import type { z } from 'zod';
import { isLanding } from '../../../domain/landing.ts';
import { editTime } from '../../../domain/what-if.ts';
import type { ToldDecision, zHistoryPage, zHistoryQuery } from '../../../schemas/api-history.ts';
import type { ContactDecision, GroupVerdict } from '../../../schemas/decision.ts';
import { isOfRule } from '../../../schemas/decision.ts';
import { SyncError } from '../../../schemas/errors.ts';
import type { Side } from '../../../schemas/value.ts';
import { findLinksById, findLinksOfContact } from '../../../store/conflicts.ts';
import type { LinkFilter } from '../../../store/conflicts.ts';
import { newestDecisions, newestOfLinks } from '../../../store/history.ts';
import type { DecisionKey } from '../../../store/history.ts';
import type { StoredLink } from '../../../store/links.ts';
import { valuesOf } from '../conflicts/conflict-view.ts';

type Query = z.output<typeof zHistoryQuery>;

const PAGE = 500;
/** Decisions looked at for one page of the answer; where few fit, the page ends early and its `next` goes on. */
const MOST_EXAMINED = 20_000;

/** Throws SyncError `not_found` for a contact without a link, `change_malformed` for a cursor that is none. */
export async function readHistory(pool: Pool, query: Query): Promise<z.output<typeof zHistoryPage>> {
  const read = await reader(pool, query);
  const decisions: ToldDecision[] = [];
  let key = query.after === undefined ? null : parseCursor(query.after);
  for (let examined = 0; examined < MOST_EXAMINED;) {
    const page = await read(key);
    for (const decision of page) {
      key = decision;
      const told = toldAs(decision, query);
      if (told) decisions.push(told);
      if (decisions.length === query.limit) return { decisions, next: cursorOf(decision) };
    }
    if (page.length < PAGE) return { decisions, next: null };
    examined += page.length;
  }
  return { decisions, next: key && cursorOf(key) };
}

async function reader(pool: Pool, query: Query): Promise<(before: DecisionKey | null) => Promise<readonly ContactDecision[]>> {
  const filter = { tenantId: query.tenant ?? null, integrationId: query.integration ?? null, since: query.since ?? 0, until: query.until ?? Number.MAX_SAFE_INTEGER };
  if (query.contact === undefined) return (before) => newestDecisions(pool, filter, before, PAGE);
  const links = await linksOf(pool, query.contact, filter);
  const [tenantId, ...others] = new Set(links.map(({ link }) => link.tenantId));
  if (tenantId === undefined) throw new SyncError('not_found', 'no link has a contact of this id');
  if (others.length > 0) throw new SyncError('change_malformed', 'several tenants have a contact of this id; name the tenant');
  return (before) => newestOfLinks(pool, tenantId, links.map(({ link }) => link.linkId), filter, before, PAGE);
}

/** The links of a contact by its id on either side, or the link of this id. */
export async function linksOf(pool: Pool, contact: string, filter: LinkFilter): Promise<readonly StoredLink[]> {
  const found = await findLinksOfContact(pool, contact, filter);
  return found.length > 0 ? found : findLinksById(pool, contact, filter);
}

/** The decision as it is shown, with the groups that were asked for; null when it is not what was asked for. */
function toldAs(decision: ContactDecision, { group, rule, verdict }: Query): ToldDecision | null {
  const isNarrow = group !== undefined || rule !== undefined;
  const groups = decision.groups.filter((one) => (group === undefined || one.group === group) && isOfRule(one.rule, rule ?? null) && (!isNarrow || verdict === undefined || one.verdict === verdict));
  if (isNarrow && groups.length === 0) return null;
  if (verdict !== undefined && decision.verdict !== verdict && !groups.some((one) => one.verdict === verdict)) return null;
  return {
    tenant: decision.tenantId, integration: decision.integrationId, linkId: decision.linkId, bevatelId: decision.bevatelId, externalId: decision.externalId,
    id: decision.decisionId, decidedAt: decision.decidedAt, cause: decision.cause, causeId: decision.causeId, side: decision.side, verdict: decision.verdict,
    groups: groups.map(verdictView),
  };
}

function verdictView(verdict: GroupVerdict): ToldDecision['groups'][number] {
  const { base, writeTo, write } = verdict;
  return {
    group: verdict.group, verdict: verdict.verdict, rule: verdict.rule, conflict: verdict.conflict ?? null,
    bevatel: sideOf(verdict, 'bevatel'), external: sideOf(verdict, 'external'),
    base: base ? { bevatel: valuesOf(base[0]), external: valuesOf(base[1]) } : null,
    write: writeTo && write ? { side: writeTo, values: valuesOf(write) } : null,
    attempt: isLanding(verdict) ? verdict.attempt : null, sentAt: verdict.sentAt ?? null,
  };
}

function sideOf(verdict: GroupVerdict, side: Side): ToldDecision['groups'][number]['bevatel'] {
  const values = verdict[side];
  const { from, to, actor } = editTime(verdict, side);
  return values ? { values: valuesOf(values), editedFrom: from, editedTo: to, actor } : null;
}

function cursorOf({ decidedAt, decisionId }: DecisionKey): string {
  return `${decidedAt}/${decisionId}`;
}

function parseCursor(after: string): DecisionKey {
  const { at, id } = /^(?<at>\d{1,16})\/(?<id>.+)$/.exec(after)?.groups ?? {};
  if (at === undefined || id === undefined) throw new SyncError('change_malformed', 'after is no cursor of this list');
  return { decidedAt: Number(at), decisionId: id };
}
