/** What was deleted, as the operator sees it: what is gone where, what follows from it, and until when it can be restored. */
import { goneAt } from '../../../domain/gone.ts';
import { isDeleteHold } from '../../../domain/decide-gone.ts';
import { idOn } from '../../../domain/link.ts';
import type { Link } from '../../../domain/link.ts';
import type { Deleted, DeletedDetail } from '../../../schemas/api-deletes.ts';
import { WHOLE_RECORD } from '../../../schemas/decision.ts';
import type { ContactDecision } from '../../../schemas/decision.ts';
import { SIDES } from '../../../schemas/value.ts';
import type { Image } from '../../../schemas/value.ts';

/** Null for a link of which nothing is gone. */
export function deletedOf(link: Link): Deleted | null {
  const at = goneAt(link);
  if (at === null) return null;
  const gone = SIDES.flatMap((side) => {
    const one = link.state.gone?.[side];
    const id = idOn(link, side);
    return one && id !== null ? [{ side, id, how: one.how, at: one.at, settledAt: one.settledAt ?? null, ours: one.ours === true }] : [];
  });
  const parted = link.state.alone ? (link.state.apart ?? []).map(({ side, id, at: partedAt }) => ({ side, id, how: 'deleted', at: partedAt, settledAt: partedAt, ours: false })) : [];
  return {
    tenant: link.tenantId, integration: link.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId,
    state: stateOf(link), at, lost: [...gone, ...parted], keptUntil: link.state.forgetAt ?? null,
  };
}

function stateOf({ state }: Link): Deleted['state'] {
  const gone = SIDES.flatMap((side) => state.gone?.[side] ?? []);
  if (state.restoring ?? state.create) return 'restoring';
  if (isDeleteHold(state.hold)) return 'conflict';
  if (state.remove) return 'removing';
  if (gone.length === 0) return 'unlinked';
  if (gone.some((one) => one.settledAt === undefined)) return 'settling';
  if (gone.length > 1) return 'deleted';
  return gone.some((one) => one.how !== 'deleted') ? 'unproven' : 'ignored';
}

/** `decisions` are the link's, the newest first. */
export function deletedDetail(link: Link, decisions: readonly ContactDecision[]): DeletedDetail | null {
  const deleted = deletedOf(link);
  if (!deleted) return null;
  const seen = SIDES.flatMap((side) => {
    const values = link.state.seen[side]?.values;
    return values ? [{ side, isGone: link.state.gone?.[side] !== undefined, image: imageOf(values) }] : [];
  });
  const parted = link.state.alone ? (link.state.apart ?? []).flatMap(({ side, image }) => (image ? [{ side, isGone: true, image: imageOf(image) }] : [])) : [];
  return {
    ...deleted,
    images: [...seen, ...parted],
    decisions: decisions.flatMap(({ decidedAt, cause, groups }) => groups.filter(({ group }) => group === WHOLE_RECORD)
      .map(({ verdict, rule, conflict }) => ({ at: decidedAt, verdict, rule, conflict: conflict ?? null, cause }))),
  };
}

/** Values as the API's schemas type them: lists are theirs to change. */
export function imageOf(image: Image): DeletedDetail['images'][number]['image'] {
  return Object.fromEntries(Object.entries(image).map(([field, value]) => [field, Array.isArray(value) ? [...value as readonly string[]] : value as Exclude<typeof value, readonly string[]>]));
}
