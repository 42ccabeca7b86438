/** Finds the links of a contact, by Bevatel's id or the external system's, and explains each. */
import type { Pool } from 'pg';
import type { Explanation } from '../../schemas/api.ts';
import { SyncError } from '../../schemas/errors.ts';
import { findLinksOfContact } from '../../store/conflicts.ts';
import { decisionsOfLink } from '../../store/decisions.ts';
import type { IntegrationBook } from '../../store/integration-book.ts';
import { explainLink } from './explain.ts';

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
  const links = await Promise.all(found.map(async ({ link }) => {
    const known = book.all().find((one) => one.tenantId === link.tenantId && one.integrationId === link.integrationId);
    return known ? [explainLink(link, known.context, await decisionsOfLink(pool, link, DECISIONS))] : [];
  }));
  return { links: links.flat() };
}
