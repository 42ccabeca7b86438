/**
 * What the publish API takes and answers. The shape of a change is connectors/bevatel/publisher/published-change.ts, the
 * same for all ways to publish; whether values keep their type rules is the reconciler's to say.
 */
import { z } from 'zod';

export const MAX_CHANGES = 500;

export const zBatch = z.strictObject({ changes: z.array(z.unknown()).min(1).max(MAX_CHANGES) });

export const zFault = z.object({ path: z.string(), message: z.string() });
export type Fault = z.output<typeof zFault>;

export const zItemResult = z.object({
  index: z.int(),
  status: z.enum(['accepted', 'refused']),
  changeId: z.string().nullable().describe('Under this id the change stands in explain and in the decisions.'),
  faults: z.array(zFault),
});
export type ItemResult = z.output<typeof zItemResult>;

export const zPublishAnswer = z.object({ results: z.array(zItemResult) });
export const zApiError = z.object({ error: z.object({ code: z.string(), message: z.string(), advice: z.string(), faults: z.array(zFault).optional() }) });

/** All faults of an item at once, by path and never by value (I11). */
export function faultsOf(error: z.ZodError, prefix: readonly PropertyKey[] = []): Fault[] {
  return error.issues.map(({ path, message }) => ({ path: [...prefix, ...path].map(String).join('.'), message }));
}
