/**
 * An example: how a contact service publishes losslessly. The change is written to an outbox in the transaction that
 * changes the contact, and removed from it after Kafka's acknowledgement; a crash in between publishes it again, which
 * is harmless. `contact-publisher.int.test.ts` runs it against a real Kafka, registry and Postgres.
 *
 *   const codecs = createCodecs({ registryUrl, topicPrefix: '' });           // runtime/codec.ts
 *   await codecs.prepare();
 *   const kafka = await connectKafka({ brokers, clientId: 'contact-service', logger }); // runtime/kafka.ts
 *   const publisher = createContactPublisher({
 *     encode: codecs.changes.encode, send: kafka.publisher().publish, topicPrefix: '', clock: Date.now, newId: randomUUID,
 *   });
 */
import type { Pool } from 'pg';
import type { ContactPublisher } from './contact-publisher.ts';
import type { PublishedChange } from './published-change.ts';

export const OUTBOX = `CREATE TABLE IF NOT EXISTS contact_outbox (
  place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id text NOT NULL, change jsonb NOT NULL)`;

/** Changes an e-mail address and notes the change for publishing, in one transaction. */
export async function changeEmail(pool: Pool, edit: { tenantId: string; id: string; email: string; by: string }): Promise<void> {
  await pool.query(
    `WITH changed AS (
       UPDATE contacts SET email = $3, updated_by = $4 WHERE tenant_id = $1 AND id = $2
       RETURNING *, (extract(epoch FROM updated_at) * 1000)::bigint AS at)
     INSERT INTO contact_outbox (tenant_id, change)
     SELECT tenant_id, jsonb_build_object(
       'recordId', id, 'revision', version, 'modifiedAt', at, 'references', external_references,
       'fieldTimes', jsonb_build_object('email', jsonb_build_object('at', at, 'actor', updated_by)),
       'image', jsonb_build_object('email', email, 'contact_first_name', contact_first_name, 'contact_last_name', contact_last_name,
         'phone_number', phone_number, 'company_name', company_name, 'source_channel', source_channel, 'crm_url', crm_url,
         'language', language, 'tags', tags, 'consent', consent, 'owner', owner)
         || coalesce((SELECT jsonb_object_agg('custom.' || key, value) FROM jsonb_each(custom)), '{}'))
     FROM changed`,
    [edit.tenantId, edit.id, edit.email, edit.by],
  );
}

/** Publishes what waits in the outbox, oldest first, and returns how many; call it again until it returns 0. */
export async function drainOutbox(pool: Pool, publisher: ContactPublisher, limit = 500): Promise<number> {
  const { rows } = await pool.query<{ place: string; tenant_id: string; change: PublishedChange }>(
    'SELECT place, tenant_id, change FROM contact_outbox ORDER BY place LIMIT $1', [limit]);
  for (const [tenantId, waiting] of Map.groupBy(rows, (row) => row.tenant_id)) {
    await publisher.publish(tenantId, waiting.map((row) => row.change));
  }
  await pool.query('DELETE FROM contact_outbox WHERE place = ANY($1)', [rows.map((row) => row.place)]);
  return rows.length;
}
