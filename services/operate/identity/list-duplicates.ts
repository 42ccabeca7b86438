/**
 * Records of one side that share a key, with how like their names are. A page holds so many groups and so many records of
 * each; a cursor names the last one by a link and a fingerprint of the key, since a key is a personal datum (I11).
 */
import { idOn } from '../../../domain/link.ts';
import type { Link } from '../../../domain/link.ts';
import { keyRows } from '../../../domain/match.ts';
import { nameLikeness } from '../../../domain/names/likeness.ts';
import type { Duplicates } from '../../../schemas/api-identity.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { SIDES } from '../../../schemas/value.ts';
import { readLinks } from '../../../store/conflicts.ts';
import { duplicateGroups } from '../../../store/duplicates.ts';
import type { DuplicateCursor, DuplicateGroup } from '../../../store/duplicates.ts';
import type { KnownIntegration } from '../../../store/integration-book.ts';
import { tagOf } from '../conflicts/conflict-view.ts';
import type { ResolveDeps } from '../conflicts/resolve-conflict.ts';
import { kindOf, maskedKey, nameOfRecord } from './link-view.ts';

type Deps = Pick<ResolveDeps, 'pool' | 'book'>;

/** Throws SyncError `not_found` for an integration that is not there, `change_malformed` for a cursor whose link or key has gone. */
export async function listDuplicates(deps: Deps, query: { readonly tenant: string; readonly integration: string; readonly limit: number; readonly after?: string | undefined }): Promise<{ groups: Duplicates[]; next: string | null }> {
  await deps.book.refresh();
  const known = deps.book.all().find((one) => one.tenantId === query.tenant && one.integrationId === query.integration);
  if (!known) throw new SyncError('not_found', `there is no integration ${query.tenant}/${query.integration}`);
  const after = query.after === undefined ? null : await cursorOf(deps, known, query.after);
  const page = await duplicateGroups(deps.pool, known, after, query.limit);
  const links = new Map((await readLinks(deps.pool, known, page.groups.flatMap(({ linkIds }) => linkIds))).map(({ link }) => [link.linkId, link]));
  return {
    groups: page.groups.map((group) => groupOf(group, group.linkIds.flatMap((linkId) => links.get(linkId) ?? []), known)),
    next: page.next && nameOf(page.next),
  };
}

function groupOf({ matchKey, side, count }: DuplicateGroup, links: readonly Link[], { context: { mapping } }: KnownIntegration): Duplicates {
  const [first] = links;
  const kind = kindOf(matchKey);
  return {
    side, kind, value: maskedKey(matchKey, kind), count,
    records: links.map((link) => {
      const name = nameOfRecord(link, side, mapping);
      return {
        linkId: link.linkId, id: idOn(link, side) ?? '', name, partnerId: side === 'bevatel' ? link.externalId : link.bevatelId, hold: link.state.hold?.kind ?? null,
        score: first && first !== link ? nameLikeness(nameOfRecord(first, side, mapping), name) : null,
      };
    }),
  };
}

function nameOf({ linkId, matchKey, side }: DuplicateCursor & { readonly linkId: string }): string {
  return `${linkId}/${side}/${tagOf(matchKey)}`;
}

async function cursorOf({ pool }: Deps, known: KnownIntegration, after: string): Promise<DuplicateCursor> {
  const [linkId = '', side, tag] = after.split('/');
  const [stored] = await readLinks(pool, known, [linkId]);
  const row = stored && keyRows(known.context.mapping, stored.link).find((one) => one.side === side && tagOf(one.matchKey) === tag);
  if (!row || !SIDES.some((one) => one === side)) throw new SyncError('change_malformed', 'the record that this cursor names has changed: begin anew, without after');
  return { matchKey: row.matchKey, side: row.side };
}
