/** The operator's endpoints (design §7): thin; each calls one function of this folder or of the store. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Pool } from 'pg';
import type { z } from 'zod';
import {
  zChangeSetDetail, zChangeSetDetailQuery, zChangeSetList, zChangeSetParams, zChangeSetQuery, zClusterList, zClusterQuery, zConflictList, zConflictQuery, zDeadLetterDetail, zDeadLetterList, zDeadLetterParams, zDeadLetterQuery, zDecideChangeSetAnswer, zDecideChangeSetBody, zExplainAnswer, zExplainQuery,
  zFilter, zIntegrationDetail, zIntegrationList, zIntegrationParams, zPaused, zReplayAnswer, zReplayBody, zResolveAnswer, zResolveBody, zSettleAnswer, zSettleBody, zStatus,
} from '../../schemas/api.ts';
import { insertAudit } from '../../store/audit.ts';
import { setPaused } from '../../store/integrations.ts';
import { changeSetDetail, changeSetList, decideChangeSet } from './change-sets.ts';
import { listClusters } from './conflicts/clusters.ts';
import { listConflicts } from './conflicts/list-conflicts.ts';
import { explainContact } from './history/explain-contact.ts';
import { registerHistory } from './history/history-routes.ts';
import { integrationDetail, integrationSummaries } from './status/integrations-view.ts';
import { letterPage, wholeLetter } from './dead-letters/dead-letter-view.ts';
import type { LetterDecoder } from './dead-letters/dead-letter-view.ts';
import { registerDeleteRoutes } from './deletes/delete-routes.ts';
import type { DeleteRouteDeps } from './deletes/delete-routes.ts';
import { replayDeadLetters } from './dead-letters/replay.ts';
import type { ReplayDeps } from './dead-letters/replay.ts';
import { resolveConflict } from './conflicts/resolve-conflict.ts';
import type { ResolveDeps } from './conflicts/resolve-conflict.ts';
import { settleAlike } from './conflicts/settle.ts';
import { readStatus } from './status/status.ts';
import type { StatusDeps } from './status/status.ts';
import type { UndoDeps } from './history/undo.ts';
import { actorOf, existing, refusals } from './http/requests.ts';
import { registerVerifications } from './verify/verification-routes.ts';
import type { VerificationRouteDeps } from './verify/verification-routes.ts';

export interface RouteDeps extends ResolveDeps, ReplayDeps, StatusDeps, DeleteRouteDeps, VerificationRouteDeps, UndoDeps {
  readonly pool: Pool;
  readonly decodeLetter: LetterDecoder;
}

export function registerRoutes(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  registerViews(server, deps);
  registerDeadLetters(server, deps);
  registerDeleteRoutes(server, deps);
  registerVerifications(server, deps);
  registerChangeSets(server, deps);
  registerHistory(server, deps);
  app.get('/v1/conflicts', { schema: { summary: 'What is held', querystring: zConflictQuery, response: { 200: zConflictList, ...refusals } } },
    (request) => listConflicts(deps.pool, request.query));
  app.post('/v1/conflicts/resolve', { schema: { summary: 'Resolve one, as it was shown', body: zResolveBody, response: { 200: zResolveAnswer, ...refusals } } },
    (request) => resolveConflict(deps, request.body, actorOf(request)));
  app.get('/v1/conflicts/clusters', { schema: { summary: 'What is held, by cause', querystring: zClusterQuery, response: { 200: zClusterList, ...refusals } } },
    (request) => listClusters(deps, request.query));
  app.post('/v1/conflicts/settle', { schema: { summary: 'Settle all that are alike', body: zSettleBody, response: { 200: zSettleAnswer, ...refusals } } },
    (request) => settleAlike(deps, request.body, actorOf(request)));
  for (const [action, paused] of [['pause', true], ['resume', false]] as const) {
    app.post(`/v1/integrations/:tenant/:integration/${action}`, { schema: { summary: `${action} an integration`, params: zIntegrationParams, response: { 200: zPaused, ...refusals } } },
      (request) => switchPaused(deps, request.params, paused, actorOf(request)));
  }
}

function registerViews(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get('/v1/status', { schema: { summary: 'How everything fares', querystring: zFilter, response: { 200: zStatus, ...refusals } } },
    (request) => readStatus(deps, request.query));
  app.get('/v1/explain', { schema: { summary: 'Why a contact has its values', querystring: zExplainQuery, response: { 200: zExplainAnswer, ...refusals } } },
    (request) => explainContact(deps, request.query));
  app.get('/v1/integrations', { schema: { summary: 'All integrations', response: { 200: zIntegrationList, ...refusals } } },
    () => integrationSummaries(deps.pool));
  app.get('/v1/integrations/:tenant/:integration', { schema: { summary: 'One integration, as applied', params: zIntegrationParams, response: { 200: zIntegrationDetail, ...refusals } } },
    async (request) => integrationDetail(await existing(deps.pool, request.params)));
}

function registerChangeSets(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get('/v1/change-sets', { schema: { summary: 'What waits for an approval', querystring: zChangeSetQuery, response: { 200: zChangeSetList, ...refusals } } },
    (request) => changeSetList(deps.pool, request.query));
  app.get('/v1/change-sets/:id', { schema: { summary: 'One, with what would be written', params: zChangeSetParams, querystring: zChangeSetDetailQuery, response: { 200: zChangeSetDetail, ...refusals } } },
    (request) => changeSetDetail(deps, request.params.id, request.query));
  app.post('/v1/change-sets/:id/decide', { schema: { summary: 'Approve or reject, as it was shown', params: zChangeSetParams, body: zDecideChangeSetBody, response: { 200: zDecideChangeSetAnswer, ...refusals } } },
    (request) => decideChangeSet(deps, request.params.id, request.body, actorOf(request)));
}

function registerDeadLetters(server: FastifyInstance, deps: RouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get('/v1/dead-letters', { schema: { summary: 'What could not be used', querystring: zDeadLetterQuery, response: { 200: zDeadLetterList, ...refusals } } },
    (request) => letterPage(deps.pool, request.query));
  app.get('/v1/dead-letters/:id', { schema: { summary: 'One, with its original bytes', params: zDeadLetterParams, response: { 200: zDeadLetterDetail, ...refusals } } },
    (request) => wholeLetter(deps.pool, request.params.id, deps.decodeLetter));
  app.post('/v1/dead-letters/replay', { schema: { summary: 'Send the original bytes again', body: zReplayBody, response: { 200: zReplayAnswer, ...refusals } } },
    (request) => replayDeadLetters(deps, request.body, actorOf(request)));
}

async function switchPaused(deps: RouteDeps, key: { readonly tenant: string; readonly integration: string }, paused: boolean, actor: string): Promise<z.output<typeof zPaused>> {
  await existing(deps.pool, key);
  await setPaused(deps.pool, { tenantId: key.tenant, integrationId: key.integration }, paused);
  await insertAudit(deps.pool, { tenantId: key.tenant, auditId: deps.newId(), actor, action: paused ? 'integration.pause' : 'integration.resume', target: key.integration, doneAt: deps.clock() });
  deps.wake.notify(key.tenant, key.integration);
  return { ...key, paused };
}
