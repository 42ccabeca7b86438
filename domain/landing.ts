/**
 * Landings: what is told of a write of ours once it is known to have landed, so that `explain` can lead from a value to
 * its edit, and `undo` back to what the write found.
 */
import { WHOLE_RECORD } from '../schemas/decision.ts';
import type { GroupVerdict } from '../schemas/decision.ts';
import type { Side } from '../schemas/value.ts';
import type { Values } from './lens.ts';
import type { Attempt, AttemptGroup, Base, EditTime, LinkState } from './link.ts';

/** `written`: the system answered it. `proven`: an image or a history showed it (domain/proof.ts), its answer is lost or still to come. */
export type LandedHow = 'written' | 'proven';

/** `base`: the pair that the write brought about; a step or a restore brings none about. */
export function landingOf(attempt: Attempt, group: string, written: AttemptGroup, base: Base | undefined, how: LandedHow): GroupVerdict {
  const source = sourceOf(attempt.side, written);
  return {
    group, verdict: how === 'written' ? 'converged' : 'echo', rule: how,
    ...source, ...(written.before ? { [attempt.side]: written.before } : {}),
    ...(base && !written.keepsBase ? { base } : {}),
    writeTo: attempt.side, write: written.sent, attempt: attempt.id, sentAt: attempt.sentAt,
  };
}

/** All groups of an attempt that landed; `after` is the link's state as it is by then. */
export function landingsOf(attempt: Attempt, after: LinkState, how: LandedHow): readonly GroupVerdict[] {
  return Object.entries(attempt.groups).map(([group, written]) => landingOf(attempt, group, written, after.groups[group]?.base, how));
}

/** A removal of ours that landed. */
export function removalOf(side: Side, how: LandedHow): GroupVerdict {
  return { group: WHOLE_RECORD, verdict: 'removed', rule: how, writeTo: side };
}

/** The removal whose attempt a report of the deletion closed: its answer is lost or still to come, and finds nothing to tell. */
export function removalsProven(side: Side, before: LinkState, after: LinkState): readonly GroupVerdict[] {
  const isOpen = ({ attempts }: LinkState): boolean => attempts.some((attempt) => attempt.kind === 'remove' && attempt.side === side);
  return isOpen(before) && !isOpen(after) && after.gone?.[side]?.ours ? [removalOf(side, 'proven')] : [];
}

function sourceOf(target: Side, { source, time }: AttemptGroup): Partial<GroupVerdict> {
  return target === 'external'
    ? { bevatel: source, bevatelAt: time.to, bevatelActor: time.actor, ...(isInterval(time) ? { bevatelFrom: time.from } : {}) }
    : { external: source, externalAt: time.to, externalActor: time.actor, ...(isInterval(time) ? { externalFrom: time.from } : {}) };
}

/** A landing, as it is read back. */
export interface Landing extends GroupVerdict {
  readonly attempt: string;
  readonly writeTo: Side;
  readonly write: Values;
}

export function isLanding(verdict: GroupVerdict): verdict is Landing {
  return verdict.attempt !== undefined && verdict.writeTo !== undefined && verdict.write !== undefined;
}

/** The edit is known to lie between two times, not at one. */
export function isInterval({ from, to }: EditTime): boolean {
  return from !== to;
}
