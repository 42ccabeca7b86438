/**
 * Guards: what of planned work could do damage in numbers (design I9, §5.4; blast radius). Pure: who counts, and what is
 * held until an operator approves it, is delivery's (services/deliver/admission.ts).
 *
 * | risk | what |
 * |---|---|
 * | `delete`     | a record is deleted or archived, because its partner was; a privacy deletion is never held |
 * | `blanking`   | a value is cleared |
 * | `same_value` | a value is overwritten by one that goes over many others too |
 * | `create`     | a record is created after the first listings (those are what the plan showed) |
 * | `merge`      | two records are merged because their partners were; a write for a link whose record was merged into another |
 *
 * What is filled into an empty field destroys nothing and is no risk.
 */
import { WHOLE_RECORD } from '../schemas/decision.ts';
import type { GroupVerdict } from '../schemas/decision.ts';
import { otherSide, SIDES } from '../schemas/value.ts';
import type { Lane, Side } from '../schemas/value.ts';
import { isEmpty, sameOn } from './compare.ts';
import type { LinkContext } from './context.ts';
import type { Values } from './lens.ts';
import { CHANGE_SET_REJECTED, pick } from './link.ts';
import type { GroupState, Link, LinkState } from './link.ts';
import type { Work } from './plan-work.ts';

export const RISKS = ['delete', 'blanking', 'same_value', 'create', 'merge'] as const;
export type RiskKind = (typeof RISKS)[number];

export interface Risk {
  readonly kind: RiskKind;
  /** What is counted together: the written side, for values with the group, for `same_value` with the value's fingerprint. */
  readonly key: string;
  /** The group at risk; null for the record as a whole. */
  readonly group: string | null;
  /** What exactly is to be done, so that an approval holds for this and nothing else. */
  readonly fingerprint: string;
}

/** In the order of the work's groups. */
export function risksOf(link: Link, work: Work, lane: Lane, context: LinkContext, fingerprint: (content: unknown) => string): readonly Risk[] {
  if (work.kind === 'create') return lane === 'backfill' ? [] : [{ kind: 'create', key: work.side, group: null, fingerprint: fingerprint(work.op.reference) }];
  if (work.kind === 'remove') return work.op.way === 'erase' ? [] : [{ kind: 'delete', key: work.side, group: null, fingerprint: fingerprint([work.op.way, work.op.id]) }];
  if (work.kind === 'merge') return [{ kind: 'merge', key: work.side, group: null, fingerprint: fingerprint(['merge', work.op.id, work.op.into]) }];
  if (work.kind !== 'write') return [];
  const groups = Object.entries(work.groups);
  if (link.state.merged !== undefined && groups.length > 0) return [{ kind: 'merge', key: work.side, group: null, fingerprint: fingerprint(groups.map(([name, { sent }]) => [name, sent])) }];
  return groups.flatMap(([name, { sent, before }]) => {
    const lens = context.mapping.byName.get(name)?.lens;
    if (!lens || !before || isEmpty(lens, work.side, before) || sameOn(lens, work.side, before, sent)) return [];
    return [valueRisk(name, work.side, sent, isEmpty(lens, work.side, sent), fingerprint)];
  });
}

function valueRisk(group: string, side: Side, sent: readonly unknown[], isBlanking: boolean, fingerprint: (content: unknown) => string): Risk {
  const value = fingerprint(sent);
  return isBlanking ? { kind: 'blanking', key: `${side}/${group}`, group, fingerprint: value } : { kind: 'same_value', key: `${side}/${group}/${value}`, group, fingerprint: value };
}

/** Keeps what was found risky from being due until it is approved, or wanted no more. */
export function withGuarded(link: Link, risks: readonly Risk[], changeSet: string): Link {
  const groups = { ...link.state.groups };
  for (const { group } of risks) if (group !== null) groups[group] = { ...groups[group], guarded: changeSet };
  const isWhole = risks.some(({ group }) => group === null);
  return { ...link, state: { ...link.state, groups, ...(isWhole ? { guarded: changeSet } : {}) } };
}

/** Takes the marks of a change-set away, so that what is wanted is due again. */
export function withoutGuarded(link: Link, changeSet: string): Link {
  const groups = Object.fromEntries(Object.entries(link.state.groups).map(([name, group]) => {
    if (group.guarded !== changeSet) return [name, group];
    const { guarded: _guarded, ...rest } = group;
    return [name, rest];
  }));
  const { guarded, ...state } = link.state;
  return { ...link, state: { ...state, ...(guarded !== undefined && guarded !== changeSet ? { guarded } : {}), groups } };
}

/**
 * What a rejected change-set would have written is not: the pair stands as it is, as an agreement to differ, and a later
 * edit on either side goes its way. A creation that was rejected is held with the link; a deletion is ignored.
 */
export function rejectGuarded(link: Link, changeSet: string, context: LinkContext, now: number): { readonly link: Link; readonly groups: readonly GroupVerdict[] } {
  const isWhole = link.state.guarded === changeSet;
  const verdicts: GroupVerdict[] = [];
  const groups: Record<string, GroupState> = { ...link.state.groups };
  for (const [name, group] of Object.entries(link.state.groups)) {
    const lens = context.mapping.byName.get(name)?.lens;
    if (!lens || !group.wanted || !(isWhole || group.guarded === changeSet)) continue;
    const [bevatel, external] = SIDES.map((side) => pick(link.state.seen[side]?.values ?? {}, lens.fields[side]) ?? []) as [Values, Values];
    const { wanted: _wanted, guarded: _guarded, restore: _restore, ...rest } = group;
    groups[name] = { ...rest, base: [bevatel, external], skipped: CHANGE_SET_REJECTED };
    verdicts.push({ group: name, verdict: 'skipped', rule: CHANGE_SET_REJECTED, bevatel, external, ...(group.base ? { base: group.base } : {}) });
  }
  const { guarded: _guarded, create, ...state } = withoutGuarded({ ...link, state: { ...link.state, groups } }, changeSet).state;
  if (isWhole && state.merge) return { link: { ...link, state: withoutMerge(state, now) }, groups: [{ group: WHOLE_RECORD, verdict: 'skipped', rule: CHANGE_SET_REJECTED }] };
  if (isWhole && state.remove) return { link: { ...link, state: keptRecord(state, state.remove.side) }, groups: [{ group: WHOLE_RECORD, verdict: 'skipped', rule: CHANGE_SET_REJECTED }] };
  if (!isWhole || !create) return { link: { ...link, state: create ? { ...state, create } : state }, groups: verdicts };
  return { link: { ...link, state: { ...state, hold: { kind: 'rejected', since: now, detail: CHANGE_SET_REJECTED } } }, groups: verdicts };
}

/** The deletion does not go over: it is ignored from now on, as the policy `ignore` would have it. */
function keptRecord(state: LinkState, side: Side): LinkState {
  const { remove: _remove, ...rest } = state;
  const gone = rest.gone?.[otherSide(side)];
  return gone ? { ...rest, gone: { ...rest.gone, [otherSide(side)]: { ...gone, ignored: true } } } : rest;
}

/** The partners stay two; what is to become of them waits for a word of its own. */
function withoutMerge({ merge: _merge, absorbed, ...rest }: LinkState, now: number): LinkState {
  if (!absorbed) return rest;
  const { word: _word, ...open } = absorbed;
  return { ...rest, absorbed: open, hold: { kind: 'rejected', since: now, detail: CHANGE_SET_REJECTED } };
}
