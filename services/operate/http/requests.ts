/** What the operator's endpoints share: who asks, which refusals they know, and the integration that is named. */
import type { FastifyRequest } from 'fastify';
import type { Pool } from 'pg';
import { zRefusal } from '../../../schemas/api.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { readIntegration } from '../../../store/integrations.ts';
import type { StoredIntegration } from '../../../store/integrations.ts';

/** Who acts, as their tool says; the key alone is what is checked. */
export function actorOf(request: FastifyRequest): string {
  const name = request.headers['x-operator'];
  return typeof name === 'string' && /^[\w.@ -]{1,100}$/.test(name) ? name : 'operator';
}

export const refusals = { 401: zRefusal, 404: zRefusal, 409: zRefusal, 422: zRefusal, 503: zRefusal };

/** Throws SyncError `not_found`. */
export async function existing(pool: Pool, key: { readonly tenant: string; readonly integration: string }): Promise<StoredIntegration> {
  const stored = await readIntegration(pool, { tenantId: key.tenant, integrationId: key.integration });
  if (!stored) throw new SyncError('not_found', `there is no integration ${key.tenant}/${key.integration}`);
  return stored;
}
