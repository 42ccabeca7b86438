/** Records and links as an operator names them: by a link's id, by a record's id on either side, also one of before a merge. */
import type { Pool } from 'pg';
import { idOn } from '../../../domain/link.ts';
import type { Link } from '../../../domain/link.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import type { LinkFilter } from '../../../store/conflicts.ts';
import { findLinksByName } from '../../../store/link-pages.ts';
import { KnownRedirects } from '../../../store/redirects.ts';

/** A record, and the link that has it. */
export interface Party {
  readonly link: Link;
  readonly side: Side;
  readonly id: string;
}

/** Throws SyncError `not_found`, or `change_malformed` where the name does not tell one record. */
export async function findParty(pool: Pool, name: string, filter: LinkFilter): Promise<Party> {
  const { side: wanted, id } = parse(name);
  const found = await findLinksByName(pool, id, filter);
  const parties = (await Promise.all(found.map(({ link }) => partiesIn(pool, link, id)))).flat().filter(({ side }) => wanted === null || side === wanted);
  const [first, ...others] = parties;
  if (!first) throw new SyncError('not_found', `there is no record or link ${name}`);
  if (new Set(parties.map(({ link }) => `${link.tenantId}/${link.integrationId}`)).size > 1) throw new SyncError('change_malformed', `${name} is in several integrations: name one`);
  if (others.some(({ link }) => link.linkId !== first.link.linkId)) throw new SyncError('change_malformed', `${name} is an id on both sides: write bevatel:${id} or external:${id}`);
  if (others.length > 0) throw new SyncError('change_malformed', `${name} names a pair: name one of its records, bevatel:${first.link.bevatelId} or external:${first.link.externalId}`);
  return first;
}

/** Throws SyncError `not_found`, or `change_malformed` where the name does not tell one link. */
export async function findLink(pool: Pool, name: string, filter: LinkFilter): Promise<Link> {
  const { side, id } = parse(name);
  const found = (await findLinksByName(pool, id, filter)).map(({ link }) => link);
  const links = side === null ? found : (await Promise.all(found.map((link) => partiesIn(pool, link, id)))).flat().filter((one) => one.side === side).map(({ link }) => link);
  const [first, ...others] = links;
  if (!first) throw new SyncError('not_found', `there is no record or link ${name}`);
  if (others.length > 0) throw new SyncError('change_malformed', `${name} is in several links: ${links.map(({ linkId }) => linkId).join(', ')}`);
  return first;
}

function parse(name: string): { readonly side: Side | null; readonly id: string } {
  const side = SIDES.find((one) => name.startsWith(`${one}:`)) ?? null;
  return { side, id: side === null ? name : name.slice(side.length + 1) };
}

/** By its link, each record that it has; by an id, the record that has it. */
async function partiesIn(pool: Pool, link: Link, name: string): Promise<readonly Party[]> {
  const { tenantId, integrationId } = link;
  const redirects = await KnownRedirects.readFrom(pool, SIDES.map((side) => ({ tenantId, integrationId, side, id: name })));
  return SIDES.flatMap((side) => {
    const id = idOn(link, side);
    const isNamed = link.linkId === name || id === name || id === redirects.resolve({ tenantId, integrationId, side, id: name });
    return id !== null && isNamed ? [{ link, side, id }] : [];
  });
}
