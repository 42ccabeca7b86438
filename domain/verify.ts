/**
 * Verify: what a pair of records, read just now, says about its link (I1). Pure; decides and repairs nothing.
 *
 * | finding | the sides … |
 * |---|---|
 * | `equal`      | agree: the lens maps one to the other |
 * | `lossy`      | agree, but one holds more than the other can say: by design, the richer side keeps its complement |
 * | `normalised` | differ and both stand at the base: a system keeps what it is given in a form of its own |
 * | `skipped`    | differ, and a rule says why: direction, an invalid value, creation switched off, a privacy deletion |
 * | `held`       | differ, and the group, the link or an image of it waits for an operator |
 * | `in_flight`  | differ, and a write or a read is under way |
 * | `unseen`     | a side shows what was not captured yet: look again; if it stays, it is lost |
 * | `unlinked`   | the partner or the link is missing, and nothing says why |
 * | `differing`  | differ, and nothing says why |
 *
 * Findings carry names of groups and rules, never values (I11).
 */
import { otherSide, SIDES } from '../schemas/value.ts';
import type { Image, Side } from '../schemas/value.ts';
import { agree, sameOn } from './compare.ts';
import type { LinkContext } from './context.ts';
import { filteredRule, standingOf } from './filter.ts';
import type { MappedLens } from './lenses/mapping.ts';
import { translate } from './lens.ts';
import type { Lens, Values } from './lens.ts';
import { pick } from './link.ts';
import type { GroupState, Link } from './link.ts';

/** From the best to the worst; a pair is as bad as its worst group. */
export const FINDINGS = ['equal', 'lossy', 'normalised', 'skipped', 'held', 'in_flight', 'unseen', 'unlinked', 'differing'] as const;
export type FindingKind = (typeof FINDINGS)[number];

export interface Finding {
  readonly kind: FindingKind;
  /** The lens group; null for the record as a whole. */
  readonly group: string | null;
  readonly reason: string;
  /** The side whose record it is about; null for both. */
  readonly side: Side | null;
}

/** A record as it was read by its id; `gone` names how. */
export type LiveRecord = { readonly values: Image } | { readonly gone: string };

/** What has come of a record's news so far: an image in quarantine, a read that is asked for. */
export interface Pending {
  /** The code of its open dead letter. */
  readonly deadLetter: string | null;
  readonly isReadAsked: boolean;
}

/** It may be otherwise when it is looked at again: it is explained for now only, or not at all. */
export function isDoubtful(findings: readonly Finding[]): boolean {
  return findings.some(({ kind }) => kind === 'in_flight' || isUnexplained(kind));
}

/** Nothing says why: the certificate fails. */
export function isUnexplained(kind: FindingKind): boolean {
  return kind === 'unseen' || kind === 'unlinked' || kind === 'differing';
}

/** All findings but the equal ones, the worst first; empty when the pair is equal. */
export function examinePair(link: Link, live: Readonly<Record<Side, LiveRecord>>, context: LinkContext): readonly Finding[] {
  const whole = examineWhole(link, live);
  if (whole) return [whole];
  const images = { bevatel: valuesOf(live.bevatel), external: valuesOf(live.external) };
  return worstFirst(context.mapping.lenses.map((rule) => examineGroup(link, rule, images)).filter((one) => one.kind !== 'equal'));
}

/** A link without a partner: why it has none. `live` is its record; null for an erased one, which is not read. */
export function examineOneSided(link: Link, live: LiveRecord | null, context: LinkContext): readonly Finding[] {
  const present: Side = link.bevatelId === null ? 'external' : 'bevatel';
  const missing = otherSide(present);
  const whole = examineWhole(link, live ? { [present]: live } : {});
  const seen = link.state.seen[present];
  if (whole && (link.erased || whole.kind !== 'skipped')) return [whole];
  if (!seen) return [finding('in_flight', null, 'read_due', present)];
  const unseen = live ? context.mapping.lenses.flatMap(({ lens }) => (isSeen(link, lens, present, valuesOf(live)) ? [] : [finding('unseen', lens.name, present, present)])) : [];
  if (unseen.length > 0) return unseen;
  if (whole) return [whole];
  if (link.state.guarded) return [finding('held', null, 'approval')];
  if (link.state.create || link.state.attempts.some((attempt) => attempt.status === 'outstanding')) return [finding('in_flight', null, 'create')];
  if (link.state.unmatched) return [finding('in_flight', null, 'matching')];
  if (!context.creates[missing]) return [finding('skipped', null, `create_off:${missing}`)];
  const standing = standingOf(present, seen.values, context.mapping);
  if (standing !== 'inside') return [finding('skipped', null, filteredRule(present, standing))];
  return [finding('unlinked', null, `no_partner:${missing}`, present)];
}

/** A record that its system lists and that no link knows. */
export function strayFinding(side: Side): Finding {
  return finding('unlinked', null, `no_link:${side}`, side);
}

/** What is not captured may be known to be on its way, or to wait in quarantine. */
export function withPending(findings: readonly Finding[], pending: Readonly<Partial<Record<Side, Pending>>>): readonly Finding[] {
  return worstFirst(findings.map((one) => {
    const news = one.side && (one.kind === 'unseen' || one.kind === 'unlinked') ? pending[one.side] : undefined;
    if (news?.isReadAsked) return { ...one, kind: 'in_flight', reason: 'read_asked' };
    return news && news.deadLetter !== null ? { ...one, kind: 'held', reason: `dead_letter:${news.deadLetter}` } : one;
  }));
}

/** What the link as a whole says: erased, gone, held; and records that are gone, or back, without its knowledge. */
function examineWhole(link: Link, live: Readonly<Partial<Record<Side, LiveRecord>>>): Finding | null {
  const { alone, gone, hold, readDue } = link.state;
  if (link.erased) return finding('skipped', null, 'erased');
  for (const side of SIDES) {
    const record = live[side];
    if (gone?.[side] && record && 'values' in record) return finding(readDue?.[side] ? 'in_flight' : 'unseen', null, `${side}_back`, side);
  }
  if (gone?.bevatel ?? gone?.external) return examineGone(link);
  if (hold && hold.kind !== 'required_missing') return finding('held', null, hold.kind);
  for (const side of SIDES) {
    const record = live[side];
    if (record && 'gone' in record) return finding(readDue?.[side] ? 'in_flight' : 'unseen', null, `${side}_${record.gone}`, side);
  }
  if (alone) return finding('skipped', null, alone.reason);
  return hold ? finding('skipped', null, `required_missing:${hold.detail}`) : null;
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
  // All fields were asked for: one that is not answered is none of the system's any more.
  if (!values.bevatel || !values.external) return finding('held', lens.name, `schema_missing:${values.bevatel ? 'external' : 'bevatel'}`);
  const pair = { bevatel: values.bevatel, external: values.external };
  if (says(lens, pair)) return saysAll(rule, pair) ? finding('equal', lens.name, 'agree') : finding('lossy', lens.name, 'complement');
  if (group.guarded ?? link.state.guarded) return finding('held', lens.name, 'approval');
  if (isUnderWay(link, group, lens.name)) return finding('in_flight', lens.name, group.wanted ? 'wanted' : 'attempt');
  const unseen = SIDES.find((side) => !isSeen(link, lens, side, images[side]));
  if (unseen) return finding('unseen', lens.name, unseen, unseen);
  if (group.skipped) return finding('skipped', lens.name, group.skipped);
  if (group.base && sameOn(lens, 'bevatel', group.base[0], pair.bevatel) && sameOn(lens, 'external', group.base[1], pair.external)) {
    return finding('normalised', lens.name, 'agreed_base');
  }
  return finding('differing', lens.name, group.base ? 'no_verdict' : 'no_base');
}

type PairOfValues = Readonly<Record<Side, Values>>;

/** The sides say the same; a constant has fields on one side only. */
function says(lens: Lens, pair: PairOfValues): boolean {
  const side = constantSide(lens);
  if (side === null) return agree(lens, pair.bevatel, pair.external);
  const target = translate(lens, otherSide(side), [], pair[side]);
  return !target.ok || sameOn(lens, side, target.values, pair[side]);
}

/** Each side that is a source says all that the other holds, without the other's help. */
function saysAll({ lens, direction }: MappedLens, pair: PairOfValues): boolean {
  if (constantSide(lens) !== null) return true;
  return SIDES.every((target) => {
    if (direction !== 'both' && direction !== `to_${target}`) return true;
    const source = otherSide(target);
    const alone = translate(lens, source, pair[source], null);
    return alone.ok && sameOn(lens, target, alone.values, pair[target]);
  });
}

function constantSide(lens: Lens): Side | null {
  return SIDES.find((side) => lens.fields[otherSide(side)].length === 0) ?? null;
}

/** What the side shows of the group was captured; a field that it does not show says nothing. */
function isSeen(link: Link, lens: Lens, side: Side, image: Image): boolean {
  const shown = pick(image, lens.fields[side]);
  if (!shown) return true;
  const seen = link.state.seen[side];
  const known = seen ? pick(seen.values, lens.fields[side]) : null;
  return known !== null && sameOn(lens, side, known, shown);
}

function isUnderWay(link: Link, group: GroupState, name: string): boolean {
  const { attempts, readDue } = link.state;
  return group.wanted !== undefined || SIDES.some((side) => readDue?.[side] !== undefined)
    || attempts.some((attempt) => attempt.status === 'outstanding' && attempt.groups[name] !== undefined);
}

function valuesOf(record: LiveRecord): Image {
  return 'values' in record ? record.values : {};
}

function finding(kind: FindingKind, group: string | null, reason: string, side: Side | null = null): Finding {
  return { kind, group, reason, side };
}

function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => FINDINGS.indexOf(b.kind) - FINDINGS.indexOf(a.kind));
}
