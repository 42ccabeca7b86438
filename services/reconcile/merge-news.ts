/** What a merge makes of the links of both records (domain/merge.ts), in the batch's workspace. */
import type { LinkContext } from '../../domain/context.ts';
import { decideLink } from '../../domain/decide-link.ts';
import { idOn } from '../../domain/link.ts';
import type { Link } from '../../domain/link.ts';
import { mergeLinks } from '../../domain/merge.ts';
import type { GroupVerdict, Verdict } from '../../schemas/decision.ts';
import { otherSide } from '../../schemas/value.ts';
import type { Lane, Side } from '../../schemas/value.ts';
import type { KnownRedirects } from '../../store/redirects.ts';
import type { Entry, Workspace } from './workspace.ts';

export interface MergeTold {
  readonly context: LinkContext;
  readonly redirects: KnownRedirects;
  readonly side: Side;
  readonly into: string;
  readonly lane: Lane;
  readonly now: number;
}

/** The decision on whatever link is left of the record that went away: its own, or the survivor's. */
export function mergeEntry(workspace: Workspace, loser: Entry, told: MergeTold): { readonly link: Link; readonly verdict: Verdict; readonly groups: readonly GroupVerdict[] } {
  const { context, redirects, side, into, lane, now } = told;
  const { tenantId, integrationId } = loser.link;
  const found = workspace.find(tenantId, integrationId, side, into);
  const survivor = found && found !== loser ? found : undefined;
  const merged = mergeLinks(loser.link, survivor?.link ?? null, { side, into, redirects: redirects.of({ tenantId, integrationId, side: otherSide(side) }), context, now });
  const groups: GroupVerdict[] = [...merged.groups];
  if (survivor) groups.push(...put(workspace, survivor, merged.survivor, side, { context, lane, now }));
  groups.push(...put(workspace, loser, merged.loser, side, { context, lane, now }));
  return { link: merged.loser ? loser.link : survivor?.link ?? loser.link, verdict: merged.verdict, groups };
}

function put(workspace: Workspace, entry: Entry, link: Link | null, side: Side, { context, lane, now }: Pick<MergeTold, 'context' | 'lane' | 'now'>): readonly GroupVerdict[] {
  if (!link) {
    workspace.end(entry);
    return [];
  }
  if (link === entry.link) return [];
  if (idOn(entry.link, side) !== null && idOn(link, side) === null) workspace.release(entry, side);
  const decided = decideLink(link, context, now);
  workspace.change(entry, decided.link, lane, now);
  return decided.groups.filter(({ verdict }) => verdict !== 'in_flight');
}
