/**
 * Policies: which side of a conflict wins, by the rule of its field (design §5.3).
 *
 * | policy | decides |
 * |---|---|
 * | `bevatel_wins`, `external_wins` | that side |
 * | `latest_wins`      | the later edit, if it is later beyond the tolerance; else the fallback |
 * | `non_empty_wins`   | a value over an empty one; between two values as `latest_wins` |
 * | `union`            | neither: both sides' additions and removals are merged (sets) |
 * | `most_restrictive` | the more restrictive statement, whoever made it and when; no statement never wins (consent) |
 * | `manual`           | nobody: an operator is asked |
 *
 * Only between two edits: an edit that stands alone propagates under every policy.
 */
import type { FieldMapping, Integration } from '../schemas/integration.ts';
import type { FieldType } from '../schemas/contact.ts';
import { otherSide } from '../schemas/value.ts';
import type { Side, Value } from '../schemas/value.ts';
import { isEmpty } from './compare.ts';
import type { Lens, Values } from './lens.ts';
import type { Base, EditTime } from './link.ts';
import { laterEdit } from './time.ts';

/** How the conflicts of a field are decided: its own settings before the integration's. */
export interface ConflictRule {
  readonly policy: NonNullable<FieldMapping['policy']>;
  /** Edits closer than this are of unknown order (ms). */
  readonly toleranceMs: number;
  /** Where time should decide and cannot. */
  readonly fallback: Integration['conflicts']['fallback'];
  /** For `most_restrictive`: Bevatel's values, the most restrictive first. */
  readonly restrictive: readonly Value[];
}

export type ConflictSettings = Pick<FieldMapping, 'policy' | 'toleranceMs' | 'fallback' | 'restrictive'> & { readonly bevatel?: FieldMapping['bevatel'] };

const CONSENT = 'consent';
/** `unknown` is no statement. */
const CONSENT_ORDER: readonly Value[] = ['opted_out', 'opted_in'];

/**
 * A consent is never a matter of clocks, and two people who tag one contact do not contradict each other: these two
 * have policies of their own where the integration only says `latest_wins`, consent always, unless the field says otherwise.
 */
export function conflictRule({ conflicts }: Pick<Integration, 'conflicts'>, field: ConflictSettings, type: FieldType): ConflictRule {
  const isConsent = field.bevatel === CONSENT;
  const natural = isConsent ? 'most_restrictive' : type === 'set' && conflicts.policy === 'latest_wins' ? 'union' : conflicts.policy;
  return {
    policy: field.policy ?? natural,
    toleranceMs: field.toleranceMs ?? conflicts.toleranceMs,
    fallback: field.fallback ?? conflicts.fallback,
    restrictive: field.restrictive ?? (isConsent ? CONSENT_ORDER : []),
  };
}

/** Two edits of one group, both valid on their side. */
export interface Conflict {
  readonly lens: Lens;
  readonly rule: ConflictRule;
  readonly base: Base | undefined;
  readonly values: Readonly<Record<Side, Values>>;
  readonly times: Readonly<Record<Side, EditTime>>;
}

/** `rule` names what decided, for the verdict. */
export type Choice = { readonly rule: string } & (
  | { readonly kind: 'winner'; readonly winner: Side }
  /** Both sides get this value, told in Bevatel's terms. */
  | { readonly kind: 'merged'; readonly bevatel: Values }
  | { readonly kind: 'hold' }
);

export function choose(conflict: Conflict): Choice {
  const { policy } = conflict.rule;
  switch (policy) {
    case 'bevatel_wins': return winner('bevatel', 'policy:bevatel_wins');
    case 'external_wins': return winner('external', 'policy:external_wins');
    case 'latest_wins': return byTime(conflict, 'policy:latest_wins');
    case 'non_empty_wins': return nonEmpty(conflict) ?? byTime(conflict, 'policy:non_empty_wins:latest');
    case 'union': return merged(conflict);
    case 'most_restrictive': return mostRestrictive(conflict);
    case 'manual': return { kind: 'hold', rule: 'policy:manual' };
    default: return policy satisfies never;
  }
}

/** A side that has just fallen silent (emptied, or set to a value without rank) where the other makes a statement. */
export function isSilenced({ lens, rule, values }: Pick<Conflict, 'lens' | 'rule' | 'values'>, side: Side): boolean {
  if (rule.policy !== 'most_restrictive') return false;
  return rankOf(lens, rule, side, values[side]) === null && rankOf(lens, rule, otherSide(side), values[otherSide(side)]) !== null;
}

function winner(side: Side, rule: string): Choice {
  return { kind: 'winner', winner: side, rule };
}

function byTime({ rule, times }: Conflict, name: string): Choice {
  const later = laterEdit(times.bevatel, times.external, rule.toleranceMs);
  if (later !== 'unknown') return winner(later, name);
  const told = `${name}:unknown_order:${rule.fallback}`;
  return rule.fallback === 'manual' ? { kind: 'hold', rule: told } : winner(rule.fallback === 'bevatel_wins' ? 'bevatel' : 'external', told);
}

function nonEmpty({ lens, values }: Conflict): Choice | null {
  if (isEmpty(lens, 'bevatel', values.bevatel)) return winner('external', 'policy:non_empty_wins');
  return isEmpty(lens, 'external', values.external) ? winner('bevatel', 'policy:non_empty_wins') : null;
}

/** What either side added is in, what either removed is out; without a base nothing was removed. */
function merged({ lens, base, values }: Conflict): Choice {
  const rule = 'policy:union';
  // What stands in Bevatel is told along, so that items that the other side has no option for are not taken for removed.
  const sets = [values.bevatel, translated(lens, values.external, values.bevatel)].map((one) => one && itemsOf(lens, one));
  const [bevatel, external] = sets;
  if (!bevatel || !external) return { kind: 'hold', rule };
  const before = base ? itemsOf(lens, base[0]) ?? [] : [];
  const removed = new Set(before.filter((item) => !bevatel.includes(item) || !external.includes(item)));
  const items = [...new Set([...bevatel, ...external])].filter((item) => !removed.has(item)).sort();
  return { kind: 'merged', bevatel: [items.length > 0 ? items : null], rule };
}

function itemsOf(lens: Lens, values: Values): readonly string[] | null {
  const canonical = lens.canonical('bevatel', values);
  if (!canonical.ok) return null;
  const [items] = canonical.values;
  return Array.isArray(items) ? items : items === null ? [] : null;
}

function mostRestrictive({ lens, rule, values }: Conflict): Choice {
  const name = 'policy:most_restrictive';
  const bevatel = rankOf(lens, rule, 'bevatel', values.bevatel) ?? Infinity;
  const external = rankOf(lens, rule, 'external', values.external) ?? Infinity;
  if (bevatel === external) return { kind: 'hold', rule: `${name}:no_order` };
  return winner(bevatel < external ? 'bevatel' : 'external', name);
}

/** The place of a side's value among the statements, 0 being the most restrictive; null where it makes none. */
function rankOf(lens: Lens, rule: ConflictRule, side: Side, values: Values): number | null {
  const told = side === 'bevatel' ? values : translated(lens, values);
  const canonical = told && lens.canonical('bevatel', told);
  if (!canonical?.ok) return null;
  const rank = rule.restrictive.indexOf(canonical.values[0] ?? null);
  return rank < 0 ? null : rank;
}

function translated(lens: Lens, external: Values, bevatel: Values | null = null): Values | null {
  const got = lens.toBevatel(external, bevatel);
  return got.ok ? got.values : null;
}
