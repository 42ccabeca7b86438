/** The operator's endpoints for who is whom: links, words on them, and records that share a key. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import {
  zDuplicateList, zDuplicateQuery, zLinkBody, zLinkList, zLinkQuery, zLinkShow, zLinkShowQuery, zLinksChange, zRelinkBody, zSplitBody, zUnlinkBody,
} from '../../../schemas/api-identity.ts';
import { actorOf, refusals } from '../http/requests.ts';
import type { ResolveDeps } from '../conflicts/resolve-conflict.ts';
import { linkRecords, relinkRecords, splitLink, unlinkRecords } from './change-links.ts';
import { listDuplicates } from './list-duplicates.ts';
import { linkPage, showLinks } from './list-links.ts';

export function registerIdentity(server: FastifyInstance, deps: ResolveDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const changes = { 200: zLinksChange, ...refusals };
  app.get('/v1/links', { schema: { summary: 'Links', querystring: zLinkQuery, response: { 200: zLinkList, ...refusals } } },
    (request) => linkPage(deps, request.query));
  app.get('/v1/links/show', { schema: { summary: 'The links of a contact, and what tells who it is', querystring: zLinkShowQuery, response: { 200: zLinkShow, ...refusals } } },
    (request) => showLinks(deps, request.query));
  app.post('/v1/links/link', { schema: { summary: 'Two records without a partner are one person', body: zLinkBody, response: changes } },
    (request) => linkRecords(deps, request.body, actorOf(request)));
  app.post('/v1/links/relink', { schema: { summary: 'Two records are one person, whatever partners they have', body: zRelinkBody, response: changes } },
    (request) => relinkRecords(deps, request.body, actorOf(request)));
  app.post('/v1/links/unlink', { schema: { summary: 'The two records of a pair are two people, and stand alone', body: zUnlinkBody, response: changes } },
    (request) => unlinkRecords(deps, request.body, actorOf(request)));
  app.post('/v1/links/split', { schema: { summary: 'The two records of a pair are two people, and each gets a partner', body: zSplitBody, response: changes } },
    (request) => splitLink(deps, request.body, actorOf(request)));
  app.get('/v1/duplicates', { schema: { summary: 'Records of one side that share a key', querystring: zDuplicateQuery, response: { 200: zDuplicateList, ...refusals } } },
    (request) => listDuplicates(deps, request.query));
}
