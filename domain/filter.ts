/**
 * Which records take part, and which fields of them (integration file: `filter`, `when`).
 *
 * | a record of the pair is | never took part | took part before (something was agreed) |
 * |---|---|---|
 * | inside  | takes part          | takes part |
 * | unknown, as a field is not seen yet | nothing passes | takes part |
 * | outside | nothing passes      | by `leaving`: it goes on (`keep`), nothing passes (`freeze`), nothing passes and what was agreed is forgotten (`unlink`) |
 *
 * With `outside: receives` only what the record would give does not pass. Whatever was edited meanwhile is decided when the
 * record comes in again. A record that is not inside never causes a creation; it is matched all the same, so that its
 * partner is not created either.
 */
import type { Condition, Test } from '../schemas/condition.ts';
import { otherSide, SIDES } from '../schemas/value.ts';
import type { Image, Side, Value } from '../schemas/value.ts';
import { canonicalText } from './canonical/text.ts';
import type { MappedLens, Mapping } from './lenses/mapping.ts';
import type { GroupState, LinkState } from './link.ts';

export type Standing = 'inside' | 'outside' | 'unknown';

/** Null while a field is not seen that could decide. */
export function holds(condition: Condition, side: Side, image: Image, mapping: Mapping): boolean | null {
  switch (condition.kind) {
    case 'field': {
      const value = valueOf(condition.field, side, image, mapping);
      return value === undefined ? null : passes(condition.test, value);
    }
    case 'not': {
      const inner = holds(condition.of, side, image, mapping);
      return inner === null ? null : !inner;
    }
    case 'all':
    case 'any': {
      const answers = condition.of.map((one) => holds(one, side, image, mapping));
      const decisive = condition.kind === 'any';
      return answers.includes(decisive) ? decisive : answers.includes(null) ? null : !decisive;
    }
    default: return condition satisfies never;
  }
}

/** In the form of its lens, where its type has one of its own; else as text, or as the list that it is. */
function valueOf(field: string, side: Side, image: Image, mapping: Mapping): Value | undefined {
  const written = image[field];
  if (written === undefined || written === null) return written;
  const owner = mapping.owners[side].get(field);
  const form = owner && owner.type !== 'text' && owner.lens.fields[side].length === 1 ? owner.lens.canonical(side, [written]) : null;
  if (form?.ok) return form.values[0] ?? null;
  const text = canonicalText(written);
  return text.ok ? text.value : written;
}

function passes(test: Test, value: Value): boolean {
  switch (test.op) {
    case 'in': return test.values.some((one) => typeof value !== 'object' && String(one) === String(value));
    case 'contains': return itemsOf(value).includes(test.value);
    case 'startsWith': return typeof value === 'string' && value.startsWith(test.value);
    case 'endsWith': return typeof value === 'string' && value.endsWith(test.value);
    case 'isSet': return (value !== null) === test.value;
    case 'not': return !passes(test.test, value);
    case 'all': return test.tests.every((one) => passes(one, value));
    default: return test satisfies never;
  }
}

/** Of a list, or of a text that some systems write lists as. */
function itemsOf(value: Value): readonly string[] {
  if (value === null) return [];
  return typeof value === 'object' ? value : String(value).split(';').map((item) => item.trim());
}

/** Where the record of a side stands, by what is seen of it. */
export function standingOf(side: Side, image: Image | undefined, mapping: Mapping): Standing {
  const condition = mapping.filter?.conditions[side];
  if (!condition) return 'inside';
  const answer = image ? holds(condition, side, image, mapping) : null;
  return answer === null ? 'unknown' : answer ? 'inside' : 'outside';
}

/** The rule of the verdict on what does not pass. */
export function filteredRule(side: Side, standing: Standing): string {
  return standing === 'unknown' ? `filter_unknown:${side}` : `filtered:${side}`;
}

/** The rule by which a record of the link is not inside; null while all that are known are. */
export function filteredNow({ seen }: LinkState, mapping: Mapping): string | null {
  for (const side of SIDES) {
    const standing = standingOf(side, seen[side]?.values, mapping);
    if (seen[side] && standing !== 'inside') return filteredRule(side, standing);
  }
  return null;
}

/** Why nothing may be written to a side, and whether what was agreed is to be forgotten. */
export interface Gates {
  readonly closed: Readonly<Partial<Record<Side, string>>>;
  readonly forgets: boolean;
}

/** Of a pair; null when everything passes. */
export function gatesOf({ seen, groups }: LinkState, mapping: Mapping): Gates | null {
  const { filter } = mapping;
  if (!filter) return null;
  const tookPart = Object.values(groups).some((group) => group.base !== undefined);
  const kept = SIDES.flatMap((side) => {
    const standing = standingOf(side, seen[side]?.values, mapping);
    const isOut = standing === 'outside' ? !(tookPart && filter.leaving === 'keep') : standing === 'unknown' && !tookPart;
    return isOut ? [{ side, standing, rule: filteredRule(side, standing) }] : [];
  });
  const [first] = kept;
  if (!first) return null;
  const forgets = filter.leaving === 'unlink' && kept.some(({ standing }) => standing === 'outside');
  if (filter.outside === 'apart') return { closed: { bevatel: first.rule, external: first.rule }, forgets };
  return { closed: Object.fromEntries(kept.map(({ side, rule }) => [otherSide(side), rule])), forgets };
}

/** What an operator waits for stays; so does what was said already. */
export function forgotten(groups: LinkState['groups']): Record<string, GroupState> {
  return Object.fromEntries(Object.entries(groups).flatMap(([name, { held, skipped }]) =>
    (held || skipped ? [[name, { ...(held ? { held } : {}), ...(skipped ? { skipped } : {}) }] as const] : [])));
}

/** The record of a side gives its value to this group: nothing is asked of it, or it holds. */
export function gives(rule: MappedLens, side: Side, image: Image | undefined, mapping: Mapping): boolean {
  const condition = rule.when?.[side];
  return !condition || (image !== undefined && holds(condition, side, image, mapping) === true);
}

/** The group's rule with the directions that are open for this pair; the rule itself where all of its own are. */
export function passingOf(rule: MappedLens, gates: Gates | null, seen: LinkState['seen'], mapping: Mapping): MappedLens {
  if (!gates && !rule.when) return rule;
  const targets = SIDES.filter((side) => rule.direction === 'both' || rule.direction === `to_${side}`);
  const barred = targets.flatMap((side) => {
    const source = otherSide(side);
    const why = gates?.closed[side] ?? (gives(rule, source, seen[source]?.values, mapping) ? undefined : `when:${source}`);
    return why === undefined ? [] : [{ side, why }];
  });
  const [first] = barred;
  if (!first) return rule;
  if (barred.length === targets.length) return { ...rule, narrowedBy: first.why, isClosed: true };
  return { ...rule, narrowedBy: first.why, direction: `to_${otherSide(first.side)}` };
}
