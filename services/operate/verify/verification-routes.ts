/** The endpoints of verify, repair and certificates: thin, as those of routes.ts. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Pool } from 'pg';
import type { z } from 'zod';
import {
  zCertificate, zCertificateList, zCertificateQuery, zFindingList, zFindingQuery, zRepairBody, zVerification, zVerificationList, zVerificationParams,
  zVerificationQuery, zVerifyBody,
} from '../../../schemas/verification.ts';
import type { Certificate, Verification } from '../../../schemas/verification.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { findCertificate, listCertificates } from '../../../store/certificates.ts';
import { pageDoubts } from '../../../store/doubts.ts';
import { listRuns } from '../../../store/verifications.ts';
import type { Run } from '../../../store/verifications.ts';
import { cancelRun, existingRun, orderRepair, orderVerify } from './order-run.ts';
import { actorOf, existing, refusals } from '../http/requests.ts';
import { verificationOf } from './verification-view.ts';
import type { Verifications } from './verifications.ts';

export interface VerificationRouteDeps {
  readonly pool: Pool;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly verifications: Pick<Verifications, 'poke'>;
}

export function registerVerifications(server: FastifyInstance, deps: VerificationRouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.post('/v1/verifications', { schema: { summary: 'Compare both sides', body: zVerifyBody, response: { 202: zVerification, ...refusals } } }, async (request, reply) =>
    reply.code(202).send(begun(deps, await orderVerify(deps, await existing(deps.pool, request.body), request.body.settleMs, actorOf(request)))));
  app.post('/v1/repairs', { schema: { summary: 'Compare both sides, or a part, and mend what drifted', body: zRepairBody, response: { 202: zVerification, ...refusals } } }, async (request, reply) =>
    reply.code(202).send(begun(deps, await orderRepair(deps, await existing(deps.pool, request.body), request.body, actorOf(request)))));
  app.get('/v1/verifications', { schema: { summary: 'Comparisons and repairs, the newest first', querystring: zVerificationQuery, response: { 200: zVerificationList, ...refusals } } },
    async ({ query }) => ({ verifications: (await listRuns(deps.pool, { ...filterOf(query), limit: query.limit })).map((run) => verificationOf(run, null, deps.clock())) }));
  app.get('/v1/verifications/:id', { schema: { summary: 'A comparison: its progress or its certificate', params: zVerificationParams, response: { 200: zVerification, ...refusals } } },
    async (request) => whole(deps, await existingRun(deps, request.params.id)));
  app.post('/v1/verifications/:id/cancel', { schema: { summary: 'End a comparison without a certificate', params: zVerificationParams, response: { 200: zVerification, ...refusals } } },
    async (request) => begun(deps, await cancelRun(deps, request.params.id, actorOf(request))));
  registerCertificates(server, deps);
}

function registerCertificates(server: FastifyInstance, { pool }: VerificationRouteDeps): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get('/v1/certificates', { schema: { summary: 'Certificates, the newest first', querystring: zCertificateQuery, response: { 200: zCertificateList, ...refusals } } },
    ({ query }) => certificatePage(pool, query));
  app.get('/v1/certificates/:id', { schema: { summary: 'One, whole', params: zVerificationParams, response: { 200: zCertificate, ...refusals } } },
    (request) => existingCertificate(pool, request.params.id));
  app.get('/v1/certificates/:id/findings', { schema: { summary: 'All that it left unexplained or on its way', params: zVerificationParams, querystring: zFindingQuery, response: { 200: zFindingList, ...refusals } } },
    (request) => findingPage(pool, request.params.id, request.query));
}

function begun(deps: VerificationRouteDeps, run: Run): Verification {
  deps.verifications.poke();
  return verificationOf(run, null, deps.clock());
}

async function whole({ pool, clock }: VerificationRouteDeps, run: Run): Promise<Verification> {
  return verificationOf(run, run.state === 'done' ? await findCertificate(pool, run.runId) : null, clock());
}

function filterOf({ tenant, integration }: { readonly tenant?: string | undefined; readonly integration?: string | undefined }) {
  return { tenantId: tenant ?? null, integrationId: integration ?? null };
}

async function certificatePage(pool: Pool, query: z.output<typeof zCertificateQuery>): Promise<z.output<typeof zCertificateList>> {
  const before = query.after === undefined ? null : await existingCertificate(pool, query.after);
  const certificates = await listCertificates(pool, { ...filterOf(query), kind: query.kind ?? null }, { limit: query.limit, before });
  return { certificates: [...certificates], next: certificates.length === query.limit ? certificates.at(-1)?.id ?? null : null };
}

async function existingCertificate(pool: Pool, id: string): Promise<Certificate> {
  const certificate = await findCertificate(pool, id);
  if (!certificate) throw new SyncError('not_found', `there is no certificate ${id}`);
  return certificate;
}

async function findingPage(pool: Pool, id: string, { limit, after }: z.output<typeof zFindingQuery>): Promise<z.output<typeof zFindingList>> {
  const { tenant, integration } = await existingCertificate(pool, id);
  const doubts = await pageDoubts(pool, { tenantId: tenant, integrationId: integration, runId: id }, placeOf(after), { limit, openOnly: false });
  const last = doubts.at(-1);
  return {
    findings: doubts.map(({ subject, id: subjectId, bevatelId, externalId, findings, asked, deferred }) => ({
      side: subject === 'link' ? null : subject, linkId: subject === 'link' ? subjectId : null, bevatelId, externalId,
      groups: findings.map(({ kind, group, reason }) => ({ kind, group, reason })), asked, deferred,
    })),
    next: last && doubts.length === limit ? `${last.subject}/${last.id}` : null,
  };
}

/** `<subject>/<id>`, as `next` says it. */
function placeOf(after: string | undefined): readonly [string, string] | null {
  if (after === undefined) return null;
  const at = after.indexOf('/');
  return [after.slice(0, at), after.slice(at + 1)];
}
