/**
 * An integration file: one tenant's connection to one external system, as validated data.
 *
 * Secrets are named by environment variable (`…Env`) and never stand in the file. All faults are reported at once
 * with their paths (issue 3, "Bad input").
 */
import { z } from 'zod';
import { contactFieldRule } from './contact.ts';

const zId = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, - and _, 63 at most');
const zEnvName = z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'the NAME of an environment variable, not the secret itself');
const zUrl = z.url({ protocol: /^https?$/ });

export const POLICIES = ['latest_wins', 'bevatel_wins', 'external_wins', 'non_empty_wins', 'manual', 'union', 'most_restrictive'] as const;
/** Of these any field can have its conflicts decided; the others need a set, or values that have an order. */
export const GENERAL_POLICIES = ['latest_wins', 'bevatel_wins', 'external_wins', 'non_empty_wins', 'manual'] as const;
/** Those that name one side as the winner, so that an operator can have them decide what is held. */
export const WINNING_POLICIES = ['latest_wins', 'bevatel_wins', 'external_wins', 'non_empty_wins', 'most_restrictive'] as const;
/** For conflicts that time should decide and cannot. */
export const FALLBACKS = ['bevatel_wins', 'external_wins', 'manual'] as const;
export const DIRECTIONS = ['both', 'to_external', 'to_bevatel'] as const;
export const LENS_KINDS = ['text', 'phone', 'email', 'picklist', 'constant', 'full_name'] as const;
export const INVALID_RULES = ['skip', 'default', 'quarantine'] as const;
export const GUARDS = ['none', 'read', 'conditional'] as const;

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
};

const zOneToOne = z.strictObject({
  ...fieldCommon,
  lens: z.enum(['text', 'phone', 'email', 'picklist']).default('text'),
  bevatel: z.string(),
  external: z.string(),
  /** In code points; a longer value is not written. */
  maxLength: z.int().positive().optional(),
  /** Used on side external and bevatel when a value is invalid and the rule is `default`. */
  default: z.string().optional(),
  /** phone: the region of numbers without a country code (ISO 3166-1 alpha-2). */
  region: z.string().regex(/^[A-Z]{2}$/).optional(),
  /** picklist: Bevatel's value → the external system's. One to one. */
  values: z.record(z.string(), z.string()).optional(),
});

const zConstant = z.strictObject({
  ...fieldCommon,
  lens: z.literal('constant'),
  /** Exactly one side is given: the one that gets the constant. */
  bevatel: z.string().optional(),
  external: z.string().optional(),
  value: z.string(),
});

const zFullName = z.strictObject({
  ...fieldCommon,
  lens: z.literal('full_name'),
  /** One side has the full name in one field, the other first and last name in two. */
  bevatel: z.union([z.string(), z.tuple([z.string(), z.string()])]),
  external: z.union([z.string(), z.tuple([z.string(), z.string()])]),
});

export const zFieldMapping = z.union([zOneToOne, zConstant, zFullName]);
export type FieldMapping = z.output<typeof zFieldMapping>;

export const zIntegration = z.strictObject({
  integration: zId,
  tenant: zId,
  system: z.enum(['hubspot']),
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
  /** Rules in order, after the link and the reference: Bevatel field names of mapped phone or email lenses. */
  match: z.array(z.string()).default(['phone_number', 'email']),
  create: z.strictObject({ external: z.boolean().default(true), bevatel: z.boolean().default(true) }).prefault({}),
  /** How long the external system may show the value before a write that it has acknowledged (ms); default from its fact sheet. */
  stalenessMs: z.int().nonnegative().max(600_000).optional(),
  /** F7: what becomes of a write while its system cannot be reached: queued; queued, with an alert; tried five times, then held; given up. */
  unavailable: z.enum(['queue', 'alert', 'retry', 'skip']).default('queue'),
  /** F8: what becomes of a record that lacks a required value: not created; created with the fields' defaults; everything halts. */
  requiredMissing: z.enum(['skip', 'default', 'halt']).default('skip'),
  /** How a newer edit is guarded against being overwritten in the external system. */
  guard: z.enum(GUARDS).default('read'),
  poll: z.strictObject({ everyMs: z.int().min(50).default(30_000) }).prefault({}),
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
  fields: z.array(zFieldMapping).min(1),
}).superRefine((file, context) => {
  const seen = { bevatel: new Set<string>(), external: new Set<string>() };
  file.fields.forEach((mapping, index) => {
    for (const side of ['bevatel', 'external'] as const) {
      for (const name of fieldNames(mapping, side)) {
        if (side === 'bevatel' && !contactFieldRule(name)) context.addIssue({ code: 'custom', path: ['fields', index, side], message: `Bevatel has no field "${name}"` });
        if (seen[side].has(name)) context.addIssue({ code: 'custom', path: ['fields', index, side], message: `"${name}" is mapped twice` });
        seen[side].add(name);
      }
    }
  });
  file.match.forEach((name, index) => {
    if (!seen.bevatel.has(name)) context.addIssue({ code: 'custom', path: ['match', index], message: `"${name}" is not among the mapped Bevatel fields` });
  });
});
export type Integration = z.output<typeof zIntegration>;

/** The field names that a mapping uses on one side; none for the side that a constant leaves out. */
export function fieldNames(mapping: FieldMapping, side: 'bevatel' | 'external'): readonly string[] {
  const names = mapping[side];
  if (names === undefined) return [];
  return typeof names === 'string' ? [names] : names;
}
