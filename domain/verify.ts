/**
 * Verify: what a pair of records, read just now, says about its link (I1). Pure; decides and repairs nothing.
 *
 * | finding | the sides differ, and … |
 * |---|---|
 * | `equal`      | they do not: the lens maps one to the other |
 * | `normalised` | both stand at the base: a system keeps what it is given in a form of its own |
 * | `skipped`    | a rule says why: direction, an invalid value, creation switched off, a privacy deletion |
 * | `held`       | the group or the link waits for an operator |
 * | `in_flight`  | a write or a read is under way |
 * | `unseen`     | a side shows what was not captured yet: look again; if it stays, it is lost |
 * | `unlinked`   | the partner is missing, and nothing says why |
 * | `differing`  | nothing says why |
 *
 * Findings carry names of groups and rules, never values (I11).
 */
import { otherSide, SIDES } from '../schemas/value.ts';
import type { Image, Side } from '../schemas/value.ts';
import { agree, sameOn } from './compare.ts';
import type { LinkContext } from './context.ts';
import type { MappedLens } from './lenses/mapping.ts';
import { translate } from './lens.ts';
import type { Lens, Values } from './lens.ts';
import { idOn, pick } from './link.ts';
import type { GroupState, Link } from './link.ts';

/** From the best to the worst; a pair is as bad as its worst group. */
export const FINDINGS = ['equal', 'normalised', 'skipped', 'held', 'in_flight', 'unseen', 'unlinked', 'differing'] as const;
export type FindingKind = (typeof FINDINGS)[number];

export interface Finding {
  readonly kind: FindingKind;
  /** The lens group; null for the record as a whole. */
  readonly group: string | null;
  readonly reason: string;
}

/** A record as it was read by its id; `gone` names how. */
export type LiveRecord = { readonly values: Image } | { readonly gone: string };

/** All findings but the equal ones, the worst first; empty when the pair is equal. */
export function examinePair(link: Link, live: Readonly<Record<Side, LiveRecord>>, context: LinkContext): readonly Finding[] {
  const whole = examineWhole(link);
  if (whole) return [whole];
  for (const side of SIDES) {
    const record = live[side];
    if ('gone' in record) return [finding(link.state.readDue?.[side] ? 'in_flight' : 'unseen', null, `${side}_${record.gone}`)];
  }
  const images = { bevatel: valuesOf(live.bevatel), external: valuesOf(live.external) };
  return worstFirst(context.mapping.lenses.map((rule) => examineGroup(link, rule, images)).filter((one) => one.kind !== 'equal'));
}

/** A link without a partner: why it has none. */
export function examineOneSided(link: Link, context: LinkContext): Finding {
  const whole = examineWhole(link);
  if (whole) return whole;
  const missing: Side = link.bevatelId === null ? 'bevatel' : 'external';
  if (link.state.create || link.state.attempts.some((attempt) => attempt.status === 'outstanding')) return finding('in_flight', null, 'create');
  if (!context.creates[missing]) return finding('skipped', null, `create_off:${missing}`);
  if (idOn(link, otherSide(missing)) !== null && !link.state.seen[otherSide(missing)]) return finding('in_flight', null, 'read_due');
  return finding('unlinked', null, `no_partner:${missing}`);
}

function examineWhole(link: Link): Finding | null {
  const { gone, hold } = link.state;
  if (link.erased) return finding('skipped', null, 'erased');
  if (gone?.bevatel ?? gone?.external) return examineGone(link);
  if (link.state.alone) return finding('skipped', null, link.state.alone.reason);
  if (!hold) return null;
  return hold.kind === 'required_missing' ? finding('skipped', null, `required_missing:${hold.detail}`) : finding('held', null, hold.kind);
}

/** Deleted on both sides is agreement; on one side it is on its way to the other, or waits for a word, or is ignored by policy. */
function examineGone({ state }: Link): Finding {
  const lost = SIDES.filter((side) => state.gone?.[side] !== undefined);
  if (state.create ?? state.remove ?? state.readDue ?? state.attempts.find((attempt) => attempt.status === 'outstanding')) return finding('in_flight', null, `gone:${lost.join('+')}`);
  if (state.hold) return finding('held', null, state.hold.kind);
  return lost.length === SIDES.length ? finding('skipped', null, 'deleted') : finding('held', null, `gone:${lost.join('')}`);
}

function examineGroup(link: Link, rule: MappedLens, images: Readonly<Record<Side, Image>>): Finding {
  const { lens } = rule;
  const group = link.state.groups[lens.name] ?? {};
  const values = { bevatel: pick(images.bevatel, lens.fields.bevatel), external: pick(images.external, lens.fields.external) };
  if (group.held) return finding('held', lens.name, group.held.type);
  if (!values.bevatel || !values.external) return finding('differing', lens.name, 'unknown_value');
  if (says(lens, values.bevatel, values.external)) return finding('equal', lens.name, 'agree');
  if (isUnderWay(link, group, lens.name)) return finding('in_flight', lens.name, group.wanted ? 'wanted' : 'attempt');
  for (const side of SIDES) {
    const seen = link.state.seen[side];
    const known = seen ? pick(seen.values, lens.fields[side]) : null;
    if (!known || !sameOn(lens, side, known, values[side] ?? [])) return finding('unseen', lens.name, side);
  }
  if (group.skipped) return finding('skipped', lens.name, group.skipped);
  if (group.base && sameOn(lens, 'bevatel', group.base[0], values.bevatel) && sameOn(lens, 'external', group.base[1], values.external)) {
    return finding('normalised', lens.name, 'agreed_base');
  }
  return finding('differing', lens.name, group.base ? 'no_verdict' : 'no_base');
}

/** The sides say the same; a constant has fields on one side only. */
function says(lens: Lens, bevatel: Values, external: Values): boolean {
  if (lens.fields.bevatel.length > 0 && lens.fields.external.length > 0) return agree(lens, bevatel, external);
  const side: Side = lens.fields.bevatel.length === 0 ? 'external' : 'bevatel';
  const present = side === 'external' ? external : bevatel;
  const target = translate(lens, otherSide(side), [], present);
  return !target.ok || sameOn(lens, side, target.values, present);
}

function isUnderWay(link: Link, group: GroupState, name: string): boolean {
  const { attempts, readDue } = link.state;
  return group.wanted !== undefined || SIDES.some((side) => readDue?.[side] !== undefined)
    || attempts.some((attempt) => attempt.status === 'outstanding' && attempt.groups[name] !== undefined);
}

function valuesOf(record: LiveRecord): Image {
  return 'values' in record ? record.values : {};
}

function finding(kind: FindingKind, group: string | null, reason: string): Finding {
  return { kind, group, reason };
}

function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => FINDINGS.indexOf(b.kind) - FINDINGS.indexOf(a.kind));
}
