/**
 * The mapping of an integration: its lenses with the settings of each, ready for deciding, matching and checking.
 *
 * Built once per integration and kept: its phone rules remember what they parsed. A setting of a field stands before
 * the integration's (design §5.3). The integration must have passed `parseIntegrationFile`.
 */
import type { Lens } from '../lens.ts';
import type { FieldType } from '../../schemas/contact.ts';
import { readCondition } from '../../schemas/condition.ts';
import type { Condition } from '../../schemas/condition.ts';
import { SyncError } from '../../schemas/errors.ts';
import { directionOf, fieldsAskedFor, fieldsToRead, filledSide, isReadOnlyUse } from '../../schemas/integration.ts';
import { fieldOfRule } from '../../schemas/matching.ts';
import type { FieldMapping, Integration } from '../../schemas/integration.ts';
import { SIDES } from '../../schemas/value.ts';
import type { Side, Value } from '../../schemas/value.ts';
import { conflictRule } from '../policy.ts';
import type { ConflictRule } from '../policy.ts';
import { kindOf, lensOf } from './lens-of.ts';
import type { FieldKind } from './lens-of.ts';

/** By the side whose record a condition looks at; a side without one is free. */
export type Conditions = Readonly<Partial<Record<Side, Condition>>>;

export interface MappedLens {
  readonly lens: Lens;
  /** What Bevatel's value is. */
  readonly type: FieldType;
  readonly direction: Integration['direction'];
  readonly conflicts: ConflictRule;
  readonly invalid: Integration['invalid'];
  /** A record whose value here is empty is not created on the other side (F8). */
  readonly required: boolean;
  /** Bevatel's value of a one-field lens where `invalid` is `default`; put it through the lens for the other side. */
  readonly defaultValue: Value | null;
  /** Without which a side gives nothing to this group; null where there are none. */
  readonly when: Conditions | null;
  /** Set where conditions narrow the direction for one pair, or let nothing pass: their rule (domain/filter.ts). */
  readonly narrowedBy?: string;
  readonly isClosed?: true;
}

/** Which records take part, as the integration file says it (domain/filter.ts). */
export interface RecordFilter {
  readonly conditions: Conditions;
  readonly outside: 'apart' | 'receives';
  readonly leaving: 'keep' | 'freeze' | 'unlink';
}

/** One of the integration's match rules. */
export interface MappedRule {
  /** What its keys are told apart by: `phone`, `email`, or the field of an identifier. */
  readonly kind: string;
  readonly entry: MappedLens;
}

/** How a field is used, in the shape that a connector checks (connectors/connector.ts, FieldUse). */
export interface MappedField extends FieldKind {
  readonly field: string;
  readonly written: boolean;
}

export interface Mapping {
  readonly lenses: readonly MappedLens[];
  /** By `lens.name`. */
  readonly byName: ReadonlyMap<string, MappedLens>;
  /** The entry that a field belongs to, by side; fields that are only read for a template or a condition have none. */
  readonly owners: Readonly<Record<Side, ReadonlyMap<string, MappedLens>>>;
  /** Every field of a side that has to be read, each once. */
  readonly fields: Readonly<Record<Side, readonly string[]>>;
  /** Null where all records take part. */
  readonly filter: RecordFilter | null;
  /** The rules by which records are matched, in their order. */
  readonly match: readonly MappedRule[];
  /** How the mapping uses the fields of a side, for `Connector.checkMapping`. */
  uses(side: Side): readonly MappedField[];
}

/** Throws SyncError `configuration_invalid` for what only an unchecked integration can hold. */
export function buildMapping(integration: Integration): Mapping {
  const lenses = integration.fields.map((mapping) => mapped(integration, mapping));
  const byName = new Map(lenses.map((entry) => [entry.lens.name, entry]));
  if (byName.size !== lenses.length) throw new SyncError('configuration_invalid', 'two mappings have the same name');
  const owners = (side: Side): ReadonlyMap<string, MappedLens> => new Map(lenses.flatMap((entry, index) =>
    (isReadOnlyUse(integration.fields[index] as FieldMapping, side) ? [] : entry.lens.fields[side].map((field) => [field, entry] as const))));
  const { filter } = integration;
  const ofBevatel = owners('bevatel');
  return {
    lenses,
    byName,
    owners: { bevatel: ofBevatel, external: owners('external') },
    match: integration.match.rules.flatMap((rule) => {
      const entry = ofBevatel.get(fieldOfRule(rule));
      return entry ? [{ kind: typeof rule === 'string' ? entry.type : rule.identifier, entry }] : [];
    }),
    fields: { bevatel: fieldsToRead(integration, 'bevatel'), external: fieldsToRead(integration, 'external') },
    filter: filter ? { conditions: conditionsOf(filter) ?? {}, outside: filter.outside, leaving: filter.leaving } : null,
    uses: (side) => [
      ...lenses.flatMap((entry, index) => usesOf(entry, integration.fields[index] as FieldMapping, side)),
      ...fieldsAskedFor(integration, side).map(([field, values]) => ({ field, type: 'picklist' as const, written: false, ...(values.length > 0 ? { values } : {}) })),
    ],
  };
}

function mapped(integration: Integration, mapping: FieldMapping): MappedLens {
  const given = 'default' in mapping ? mapping.default : undefined;
  const { type } = kindOf(mapping, 'bevatel');
  return {
    lens: lensOf(mapping),
    type,
    direction: directionOf(mapping, integration),
    // What stands in a constant's field wins by default: it is filled, not enforced.
    conflicts: conflictRule(integration, mapping.lens === 'constant' ? { policy: `${filledSide(mapping) ?? 'external'}_wins`, ...mapping } : mapping, type),
    invalid: mapping.invalid ?? integration.invalid,
    required: mapping.required,
    defaultValue: given ?? null,
    when: mapping.when ? conditionsOf(mapping.when) : null,
  };
}

function conditionsOf(sources: { readonly bevatel?: unknown; readonly external?: unknown }): Conditions | null {
  const read = SIDES.flatMap((side) => (sources[side] === undefined ? [] : [[side, readCondition(sources[side]).condition] as const]));
  return read.length === 0 ? null : Object.fromEntries(read);
}

function usesOf(entry: MappedLens, mapping: FieldMapping, side: Side): readonly MappedField[] {
  const written = (entry.direction === 'both' || entry.direction === `to_${side}`) && !isReadOnlyUse(mapping, side);
  return entry.lens.fields[side].map((field) => ({ field, written, ...kindOf(mapping, side) }));
}
