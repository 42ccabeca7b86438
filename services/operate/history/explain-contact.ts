/** Finds the links of a contact, by Bevatel's id or the external system's, and explains each. */
import type { Pool } from 'pg';
import type { LinkContext } from '../../../domain/context.ts';
import type { Link } from '../../../domain/link.ts';
import type { Explanation } from '../../../schemas/api.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { findLinksOfContact } from '../../../store/conflicts.ts';
import { decisionsOfLink } from '../../../store/decisions.ts';
import type { IntegrationBook } from '../../../store/integration-book.ts';
import type { StoredLink } from '../../../store/links.ts';
import { explainLink } from './explain.ts';
import type { LinkHistory } from './trace.ts';

export interface ExplainDeps {
  readonly pool: Pool;
  readonly book: IntegrationBook;
}

/** How far back a field's past is told. */
const DECISIONS = 500;

export async function explainContact({ pool, book }: ExplainDeps, query: { readonly contact: string; readonly tenant?: string | undefined; readonly integration?: string | undefined }): Promise<{ links: Explanation[] }> {
  const found = await findLinksOfContact(pool, query.contact, { tenantId: query.tenant ?? null, integrationId: query.integration ?? null });
  if (found.length === 0) throw new SyncError('not_found', 'no link has a contact of this id');
  await book.refresh();
  const histories = await Promise.all((await withSiblings(pool, found)).map(({ link }) => historyOf({ pool, book }, link)));
  const links = found.flatMap(({ link }) => {
    const own = histories.find((one) => one.link.linkId === link.linkId);
    const context = contextOf(book, link);
    if (!own || !context) return [];
    return [explainLink(link, context, own.decisions, histories.filter((one) => one !== own && isSibling(one.link, link)))];
  });
  return { links };
}

function isSibling(one: Link, other: Link): boolean {
  return one.tenantId === other.tenantId && one.bevatelId !== null && one.bevatelId === other.bevatelId;
}

/** The links found and those of the same Bevatel contacts in other integrations: a value may have come through them. */
async function withSiblings(pool: Pool, found: readonly StoredLink[]): Promise<readonly StoredLink[]> {
  const contacts = found.flatMap(({ link }) => (link.bevatelId === null ? [] : [{ tenantId: link.tenantId, bevatelId: link.bevatelId }]));
  const siblings = await Promise.all(contacts.map(({ tenantId, bevatelId }) => findLinksOfContact(pool, bevatelId, { tenantId, integrationId: null })));
  return [...new Map([...found, ...siblings.flat()].map((stored) => [stored.link.linkId, stored])).values()];
}

async function historyOf({ pool, book }: ExplainDeps, link: Link): Promise<LinkHistory> {
  const decisions = await decisionsOfLink(pool, link, DECISIONS);
  return { link, decisions, fieldsOf: (group) => contextOf(book, link)?.mapping.byName.get(group)?.lens.fields };
}

function contextOf(book: IntegrationBook, link: Link): LinkContext | undefined {
  return book.all().find((one) => one.tenantId === link.tenantId && one.integrationId === link.integrationId)?.context;
}
