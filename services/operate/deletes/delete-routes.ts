/** The operator's endpoints for what was deleted: lists, restores, erasures with their receipts. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import {
  zDeletedList, zDeletedQuery, zDeletedShow, zDeletedShowQuery, zEraseAnswer, zEraseBody, zErasure, zErasureList, zErasureParams, zErasureQuery,
  zLiftAnswer, zLiftBody, zRestoreAnswer, zRestoreBody,
} from '../../../schemas/api-deletes.ts';
import { actorOf, refusals } from '../http/requests.ts';
import { eraseContact, eraseReceipt, eraseReceipts } from './erase-contact.ts';
import type { EraseDeps } from './erase-contact.ts';
import { liftOrder } from './lift-erasure.ts';
import type { LiftDeps } from './lift-erasure.ts';
import { listDeleted, showDeleted } from './list-deleted.ts';
import { restoreContact } from './restore-contact.ts';

export interface DeleteRouteDeps extends EraseDeps, LiftDeps {}

export function registerDeleteRoutes(server: FastifyInstance, deps: DeleteRouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get('/v1/deleted', { schema: { summary: 'What was deleted', querystring: zDeletedQuery, response: { 200: zDeletedList, ...refusals } } },
    (request) => listDeleted(deps.pool, request.query));
  app.get('/v1/deleted/contact', { schema: { summary: 'What is left of a deleted contact', querystring: zDeletedShowQuery, response: { 200: zDeletedShow, ...refusals } } },
    (request) => showDeleted(deps.pool, request.query));
  app.post('/v1/deleted/restore', { schema: { summary: 'Make a deleted contact again from its last image', body: zRestoreBody, response: { 200: zRestoreAnswer, ...refusals } } },
    (request) => restoreContact(deps, request.body, actorOf(request)));
  app.get('/v1/erasures', { schema: { summary: 'Erasures with their receipts', querystring: zErasureQuery, response: { 200: zErasureList, ...refusals } } },
    (request) => eraseReceipts(deps, request.query));
  app.get('/v1/erasures/:tenant/:id', { schema: { summary: 'One erasure with its receipts', params: zErasureParams, response: { 200: zErasure, ...refusals } } },
    (request) => eraseReceipt(deps, request.params));
  app.post('/v1/erasures', { schema: { summary: 'Erase a person', body: zEraseBody, response: { 200: zEraseAnswer, ...refusals } } },
    (request) => eraseContact(deps, request.body, actorOf(request)));
  app.post('/v1/erasures/:tenant/:id/lift', { schema: { summary: 'Let an erased person in again', params: zErasureParams, body: zLiftBody, response: { 200: zLiftAnswer, ...refusals } } },
    (request) => liftOrder(deps, { ...request.params, ...request.body }, actorOf(request)));
}
