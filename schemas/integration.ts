/**
 * An integration file: one tenant's connection to one external system, as validated data.
 *
 * Secrets are named by environment variable (`…Env`) and never stand in the file. All faults are reported at once
 * with their paths (issue 3, "Bad input").
 */
import { z } from 'zod';
import { comparedFields, readCondition, zCondition } from './condition.ts';
import { contactFieldRule } from './contact.ts';
import { constantShape, fullNameShape, groupShape, oneToOneShape, templateShape } from './field-mapping.ts';
import { fieldOfRule, zMatching, zMerges } from './matching.ts';
import { templateFields } from './template.ts';
import type { Side } from './value.ts';

const zId = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, - and _, 63 at most');
const zEnvName = z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'the NAME of an environment variable, not the secret itself');
const zUrl = z.url({ protocol: /^https?$/ });

export const SYSTEMS = ['hubspot'] as const;
export const POLICIES = ['latest_wins', 'bevatel_wins', 'external_wins', 'non_empty_wins', 'manual', 'union', 'most_restrictive'] as const;
/** Of these any field can have its conflicts decided; the others need a set, or values that have an order. */
export const GENERAL_POLICIES = ['latest_wins', 'bevatel_wins', 'external_wins', 'non_empty_wins', 'manual'] as const;
/** Those that name one side as the winner, so that an operator can have them decide what is held. */
export const WINNING_POLICIES = ['latest_wins', 'bevatel_wins', 'external_wins', 'non_empty_wins', 'most_restrictive'] as const;
/** For conflicts that time should decide and cannot. */
export const FALLBACKS = ['bevatel_wins', 'external_wins', 'manual'] as const;
export const DIRECTIONS = ['both', 'to_external', 'to_bevatel'] as const;
export const INVALID_RULES = ['skip', 'default', 'quarantine'] as const;
export const DELETE_POLICIES = ['ignore', 'unlink', 'archive', 'delete'] as const;
export const DELETE_CONFLICT_RULES = ['edit_wins', 'delete_wins', 'manual'] as const;
export const GUARDS = ['none', 'read', 'conditional'] as const;
/** How long decisions are kept unless the file says otherwise (days). */
export const HISTORY_DAYS = 90;

const zDirection = z.enum(DIRECTIONS);

/** More than so many records in the window, or than this share of all pairs (from ten records on), wait for an approval. */
const zRiskLimit = z.union([z.literal('off'), z.strictObject({ count: z.int().positive(), share: z.number().positive().max(1).optional() })]);
export type RiskLimit = z.output<typeof zRiskLimit>;

const fieldCommon = {
  direction: zDirection.optional(),
  policy: z.enum(POLICIES).optional(),
  toleranceMs: z.int().nonnegative().optional(),
  fallback: z.enum(FALLBACKS).optional(),
  /** `most_restrictive`: Bevatel's values from the most restrictive on; what is not among them is no statement. */
  restrictive: z.array(z.union([z.string(), z.boolean()])).min(1).optional(),
  /** What becomes of a value that breaks its type rule. */
  invalid: z.enum(INVALID_RULES).optional(),
  /** A record without this value is not created on the other side (F8). */
  required: z.boolean().default(false),
  /** Conditions on the record of a side, without which it gives nothing to this entry. */
  when: z.strictObject({ bevatel: zCondition.optional(), external: zCondition.optional() }).optional(),
};

const zOneToOne = z.strictObject({ ...fieldCommon, ...oneToOneShape });
const zConstant = z.strictObject({ ...fieldCommon, ...constantShape });
const zFullName = z.strictObject({ ...fieldCommon, ...fullNameShape });
const zGroup = z.strictObject({ ...fieldCommon, ...groupShape });
const zTemplate = z.strictObject({ ...fieldCommon, ...templateShape });

/** The options' order is that of SHAPES in integration-shape.ts. */
export const zFieldMapping = z.union([zOneToOne, zConstant, zFullName, zGroup, zTemplate]);
export type FieldMapping = z.output<typeof zFieldMapping>;
export type OneToOneMapping = z.output<typeof zOneToOne>;
export type ConstantMapping = z.output<typeof zConstant>;
export type FullNameMapping = z.output<typeof zFullName>;
export type GroupMapping = z.output<typeof zGroup>;
export type TemplateMapping = z.output<typeof zTemplate>;

export const zIntegration = z.strictObject({
  integration: zId,
  tenant: zId,
  system: z.enum(SYSTEMS),
  connection: z.strictObject({
    baseUrl: zUrl.default('https://api.hubapi.com'),
    tokenEnv: zEnvName,
    /** The account that webhook events name (HubSpot: portalId). */
    account: z.string().optional(),
    webhookSecretEnv: zEnvName.optional(),
    /** The unique property that holds the Bevatel contact's id. */
    referenceProperty: z.string().default('bevatel_contact_id'),
    /** The id under which our own writes stand in the field history (HubSpot: app id). */
    appId: z.string().optional(),
    /** Calls in ten seconds that we may use of the account's limit; default from the fact sheet. */
    callsPerTenSeconds: z.int().positive().optional(),
    searchesPerSecond: z.int().positive().optional(),
  }),
  bevatel: z.strictObject({
    baseUrl: zUrl,
    keyEnv: zEnvName,
  }),
  direction: zDirection.default('both'),
  conflicts: z.strictObject({
    policy: z.enum(GENERAL_POLICIES).default('latest_wins'),
    /** Edits closer in time than this are of unknown order (ms). */
    toleranceMs: z.int().nonnegative().default(2_000),
    /** Where time should decide and the order is unknown. */
    fallback: z.enum(FALLBACKS).default('manual'),
  }).prefault({}),
  /** What becomes of an invalid value, unless its field says otherwise. */
  invalid: z.enum(INVALID_RULES).default('quarantine'),
  /** Who is whom, after the link and the reference. */
  match: zMatching,
  /** What follows when two records that have partners become one. */
  merges: zMerges,
  create: z.strictObject({ external: z.boolean().default(true), bevatel: z.boolean().default(true) }).prefault({}),
  /** What becomes of the partner of a record that was deleted on the other side. */
  deletes: z.strictObject({
    to_external: z.enum(DELETE_POLICIES).default('ignore'),
    to_bevatel: z.enum(DELETE_POLICIES).default('ignore'),
    /** How long a merge or a restore may explain a deletion before anything follows from it (ms). */
    settleMs: z.int().nonnegative().max(604_800_000).default(60_000),
    /** Where the partner was edited after the last agreement. A privacy deletion always wins. */
    versusEdit: z.enum(DELETE_CONFLICT_RULES).default('edit_wins'),
    /** How long the last image of a deleted pair is kept for a restore. */
    keepDays: z.int().positive().max(3_650).default(90),
  }).prefault({}),
  /** How long the external system may show the value before a write that it has acknowledged (ms); default from its fact sheet. */
  stalenessMs: z.int().nonnegative().max(600_000).optional(),
  /** F7: what becomes of a write while its system cannot be reached: queued; queued, with an alert; tried five times, then held; given up. */
  unavailable: z.enum(['queue', 'alert', 'retry', 'skip']).default('queue'),
  /** F8: what becomes of a record that lacks a required value: not created; created with the fields' defaults; everything halts. */
  requiredMissing: z.enum(['skip', 'default', 'halt']).default('skip'),
  /** How a newer edit is guarded against being overwritten in the external system. */
  guard: z.enum(GUARDS).default('read'),
  poll: z.strictObject({ everyMs: z.int().min(50).default(30_000) }).prefault({}),
  /** Both sides are compared round and round in the background, at most so many records of a side in an hour; 0 switches it off. */
  sweep: z.strictObject({ recordsPerHour: z.int().nonnegative().default(10_000), everyMinutes: z.int().positive().default(60) }).prefault({}),
  /** How much of what can do damage goes out unasked (domain/guards.ts). */
  guards: z.strictObject({
    windowMs: z.int().min(1_000).default(3_600_000),
    deletes: zRiskLimit.default({ count: 20, share: 0.05 }),
    blankings: zRiskLimit.default({ count: 50, share: 0.05 }),
    sameValue: zRiskLimit.default({ count: 100, share: 0.1 }),
    creates: zRiskLimit.default({ count: 2_000 }),
    merges: zRiskLimit.default({ count: 50, share: 0.05 }),
  }).prefault({}),
  /** The first so many records are written, then an operator is asked whether to go on. */
  canary: z.int().positive().optional(),
  /** Everything is decided and recorded, nothing is written to either side. */
  dryRun: z.boolean().default(false),
  /** Field flips within the window that hold a field (I3). */
  oscillation: z.strictObject({ flips: z.int().min(2).default(6), withinMs: z.int().positive().default(600_000) }).prefault({}),
  /** For how many whole days `explain`, `history`, `what-if` and `undo` know what was decided. */
  history: z.strictObject({ keepDays: z.int().min(1).max(3_650).default(HISTORY_DAYS) }).prefault({}),
  /** Which records take part; all, where it is left out. */
  filter: z.strictObject({
    bevatel: zCondition.optional(),
    external: zCondition.optional(),
    /** While a record of the pair is outside: nothing passes (`apart`), or it gives nothing and still `receives`. */
    outside: z.enum(['apart', 'receives']).default('apart'),
    /** A pair that took part and left: it goes on (`keep`), is frozen as it is, or forgets what was agreed (`unlink`). */
    leaving: z.enum(['keep', 'freeze', 'unlink']).default('freeze'),
  }).optional(),
  fields: z.array(zFieldMapping).min(1),
}).superRefine((file, context) => {
  const owned = { bevatel: new Set<string>(), external: new Set<string>() };
  file.fields.forEach((mapping, index) => {
    for (const side of ['bevatel', 'external'] as const) {
      for (const name of fieldNames(mapping, side)) {
        if (side === 'bevatel' && !contactFieldRule(name)) context.addIssue({ code: 'custom', path: ['fields', index, sourceKey(mapping, side)], message: `Bevatel has no field "${name}"` });
        if (isReadOnlyUse(mapping, side)) continue;
        if (owned[side].has(name)) context.addIssue({ code: 'custom', path: ['fields', index, sourceKey(mapping, side)], message: `"${name}" is mapped twice` });
        owned[side].add(name);
      }
    }
  });
  file.match.rules.forEach((rule, index) => {
    const name = fieldOfRule(rule);
    if (!owned.bevatel.has(name)) context.addIssue({ code: 'custom', path: ['match', 'rules', index], message: `"${name}" is not among the mapped Bevatel fields` });
  });
});
export type Integration = z.output<typeof zIntegration>;

/** The field names that a mapping uses on one side; none for the side that a constant leaves out. */
export function fieldNames(mapping: FieldMapping, side: Side): readonly string[] {
  const names = mapping[side];
  if (names === undefined) return mapping.lens === 'template' ? templateFields(mapping.template) : [];
  return typeof names === 'string' ? [names] : names;
}

/** The side whose one field a template or a constant fills; null for what goes by both sides. */
export function filledSide(mapping: FieldMapping): Side | null {
  if (mapping.lens !== 'template' && mapping.lens !== 'constant') return null;
  return mapping.bevatel === undefined ? 'external' : 'bevatel';
}

/** The direction of an entry: its own before the integration's. A template goes one way unless it says `both`, a constant always. */
export function directionOf(mapping: FieldMapping, integration: Pick<Integration, 'direction'>): Integration['direction'] {
  const side = filledSide(mapping);
  if (side === null) return mapping.direction ?? integration.direction;
  return mapping.lens === 'template' && mapping.direction === 'both' ? 'both' : `to_${side}`;
}

/** A one-way template only reads its fields, which other entries may map. */
export function isReadOnlyUse(mapping: FieldMapping, side: Side): boolean {
  return mapping.lens === 'template' && mapping.direction !== 'both' && mapping[side] === undefined;
}

/** Where the file names the fields of a side. */
function sourceKey(mapping: FieldMapping, side: Side): string {
  return mapping.lens === 'template' && mapping[side] === undefined ? 'template' : side;
}

type Mapped = Pick<Integration, 'fields' | 'filter'>;

/** Every field of a side that has to be read, each once: the mapped ones and those that conditions look at. */
export function fieldsToRead(integration: Mapped, side: Side): readonly string[] {
  return [...new Set([...integration.fields.flatMap((mapping) => fieldNames(mapping, side)), ...fieldsAskedFor(integration, side).map(([field]) => field)])];
}

/** The fields of a side that conditions look at, each with the values that it is compared to. */
export function fieldsAskedFor({ fields, filter }: Mapped, side: Side): readonly (readonly [string, readonly string[]])[] {
  return [filter?.[side], ...fields.map(({ when }) => when?.[side])]
    .flatMap((source) => (source === undefined ? [] : [...comparedFields(readCondition(source).condition)]));
}
