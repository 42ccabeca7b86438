/** Certificates: what a run found, kept as it was issued. They hold ids and names, never values (I11). */
import type { Pool } from 'pg';
import type { Transaction } from '../runtime/database.ts';
import type { Certificate } from '../schemas/verification.ts';

export function insertCertificate(transaction: Transaction, certificate: Certificate): void {
  const { tenant, integration, id, kind, finishedAt } = certificate;
  transaction.send({
    text: 'insert into certificates (tenant_id, integration_id, certificate_id, kind, finished_at, body) values ($1, $2, $3, $4, $5, $6)',
    values: [tenant, integration, id, kind, finishedAt, JSON.stringify(certificate)],
  });
}

/** By its own id alone, as an operator copies it. */
export async function findCertificate(pool: Pool, certificateId: string): Promise<Certificate | null> {
  const { rows } = await pool.query<{ body: Certificate }>('select body from certificates where certificate_id = $1', [certificateId]);
  return rows[0]?.body ?? null;
}

export interface CertificateFilter {
  readonly tenantId: string | null;
  readonly integrationId: string | null;
  readonly kind: string | null;
}

/** One page, the newest first; `before` is the last certificate of the page before. */
export async function listCertificates(pool: Pool, filter: CertificateFilter, page: { readonly limit: number; readonly before: Pick<Certificate, 'id' | 'finishedAt'> | null }): Promise<readonly Certificate[]> {
  const { rows } = await pool.query<{ body: Certificate }>(
    `select body from certificates where ($1::text is null or tenant_id = $1) and ($2::text is null or integration_id = $2) and ($3::text is null or kind = $3)
       and ($4::bigint is null or (finished_at, certificate_id) < ($4, $5))
     order by finished_at desc, certificate_id desc limit $6`,
    [filter.tenantId, filter.integrationId, filter.kind, page.before?.finishedAt ?? null, page.before?.id ?? null, page.limit]);
  return rows.map((row) => row.body);
}

/** The newest certificate of each integration from a full round of its sweep. */
export async function lastRounds(pool: Pool): Promise<readonly Certificate[]> {
  const { rows } = await pool.query<{ body: Certificate }>(
    `select c.body from integrations i cross join lateral (
       select body from certificates where tenant_id = i.tenant_id and integration_id = i.integration_id and kind = 'sweep'
       order by finished_at desc limit 1) as c
     order by i.tenant_id, i.integration_id`);
  return rows.map((row) => row.body);
}
