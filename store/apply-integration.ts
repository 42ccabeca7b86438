/**
 * Applies an integration's file: stored for the services to pick up. Where it maps fields that it did not map before,
 * that side is listed anew, in the repair lane, because nobody knows yet what they hold.
 */
import type { Pool } from 'pg';
import { buildMapping } from '../domain/lenses/mapping.ts';
import type { Integration } from '../schemas/integration.ts';
import { SIDES } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import { readIntegration, upsertIntegration } from './integrations.ts';
import type { UpsertOutcome } from './integrations.ts';
import { beginAnew, newListingId } from './listings.ts';

export interface AppliedIntegration {
  readonly outcome: UpsertOutcome;
  /** Sides that are listed anew for their new fields. */
  readonly listed: readonly Side[];
}

/** Throws SyncError `configuration_invalid` when the stored file is of another version. */
export async function applyIntegration(pool: Pool, integration: Integration, facts: { readonly now: number; readonly newId: () => string }): Promise<AppliedIntegration> {
  const key = { tenantId: integration.tenant, integrationId: integration.integration };
  const before = await readIntegration(pool, key);
  const outcome = await upsertIntegration(pool, integration, facts.now);
  if (!before || outcome !== 'CHANGED') return { outcome, listed: [] };
  const [was, is] = [buildMapping(before.config), buildMapping(integration)];
  const listed = SIDES.filter((side) => is.fields[side].some((field) => !was.fields[side].includes(field)));
  for (const side of listed) await beginAnew(pool, { ...key, side }, newListingId('repair', facts.newId()), facts.now);
  return { outcome, listed };
}
