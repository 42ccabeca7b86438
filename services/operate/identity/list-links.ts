/** Pages of links, and one contact's links with all that tells who it is. */
import { idOn } from '../../../domain/link.ts';
import type { Link } from '../../../domain/link.ts';
import type { LinkDetail, LinkView } from '../../../schemas/api-identity.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { SIDES } from '../../../schemas/value.ts';
import { readLinks } from '../../../store/conflicts.ts';
import type { KnownIntegration } from '../../../store/integration-book.ts';
import { findLinksByName, formerIds, listLinks } from '../../../store/link-pages.ts';
import type { LinkStateFilter } from '../../../store/link-pages.ts';
import type { LinkKey } from '../../../store/links.ts';
import type { ResolveDeps } from '../conflicts/resolve-conflict.ts';
import { linkDetail, linkView } from './link-view.ts';

interface Filter {
  readonly tenant?: string | undefined;
  readonly integration?: string | undefined;
}

type Deps = Pick<ResolveDeps, 'pool' | 'book'>;

export async function linkPage(deps: Deps, query: Filter & { readonly state?: LinkStateFilter | undefined; readonly limit: number; readonly after?: string | undefined }): Promise<{ links: LinkView[]; next: string | null }> {
  await deps.book.refresh();
  const found = await listLinks(deps.pool, { ...filterOf(query), state: query.state ?? null }, { limit: query.limit, after: query.after === undefined ? null : parseCursor(query.after) });
  const last = found.length === query.limit ? found.at(-1)?.link : undefined;
  return {
    links: found.flatMap(({ link }) => withKnown(deps, link, (known) => linkView(link, known.context.mapping))),
    next: last ? `${last.tenantId}/${last.integrationId}/${last.linkId}` : null,
  };
}

/** Throws SyncError `not_found`. */
export async function showLinks(deps: Deps, query: Filter & { readonly name: string }): Promise<{ links: LinkDetail[] }> {
  await deps.book.refresh();
  const found = await findLinksByName(deps.pool, query.name, filterOf(query));
  const links = await Promise.all(found.flatMap(({ link }) => withKnown(deps, link, (known) => detailOf(deps, known, link))));
  if (links.length === 0) throw new SyncError('not_found', `there is no link or record ${query.name}`);
  return { links };
}

async function detailOf({ pool }: Deps, known: KnownIntegration, link: Link): Promise<LinkDetail> {
  const { hold } = link.state;
  const candidates = hold && 'candidates' in hold ? await readLinks(pool, known, hold.candidates) : [];
  const [bevatel = [], external = []] = await Promise.all(SIDES.map(async (side) => {
    const id = idOn(link, side);
    return id === null ? [] : [...await formerIds(pool, { ...known, side }, id)];
  }));
  return linkDetail(link, known.context.mapping, candidates.map((one) => one.link), { bevatel, external });
}

function withKnown<T>({ book }: Deps, link: LinkKey, view: (known: KnownIntegration) => T): readonly T[] {
  const known = book.all().find((one) => one.tenantId === link.tenantId && one.integrationId === link.integrationId);
  return known ? [view(known)] : [];
}

function filterOf({ tenant, integration }: Filter): { tenantId: string | null; integrationId: string | null } {
  return { tenantId: tenant ?? null, integrationId: integration ?? null };
}

function parseCursor(after: string): LinkKey {
  const [tenantId, integrationId, linkId, ...rest] = after.split('/');
  if (tenantId === undefined || integrationId === undefined || linkId === undefined || rest.length > 0) throw new SyncError('change_malformed', 'after is no cursor of this list');
  return { tenantId, integrationId, linkId };
}
