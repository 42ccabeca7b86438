/** The endpoints about the past: history, what-if and undo. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { zHistoryPage, zHistoryQuery, zUndoBody, zUndoLine, zWhatIfBody, zWhatIfLine } from '../../../schemas/api-history.ts';
import { readHistory } from './history.ts';
import { ndjson, sendLines } from '../http/lines.ts';
import { actorOf, refusals } from '../http/requests.ts';
import { undo } from './undo.ts';
import type { UndoDeps } from './undo.ts';
import { whatIf } from './what-if.ts';

/** A whole integration comes with the question. */
const CONFIG_LIMIT_BYTES = 1_048_576;

export function registerHistory(server: FastifyInstance, deps: UndoDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get('/v1/history', { schema: { summary: 'Decisions as they were made', querystring: zHistoryQuery, response: { 200: zHistoryPage, ...refusals } } },
    (request) => readHistory(deps.pool, request.query));
  app.post('/v1/what-if', { bodyLimit: CONFIG_LIMIT_BYTES, schema: { summary: 'Decisions as they would have been made', body: zWhatIfBody, response: { 200: ndjson(zWhatIfLine, 'Differences, then totals'), ...refusals } } },
    async (request, reply) => sendLines(reply, await whatIf(deps, request.body)));
  app.post('/v1/undo', { schema: { summary: 'Preview, or take back', body: zUndoBody, response: { 200: ndjson(zUndoLine, 'Progress, then the result'), ...refusals } } },
    async (request, reply) => sendLines(reply, await undo(deps, request.body, actorOf(request))));
}
