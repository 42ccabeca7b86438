/**
 * Traces of a person beside the links: match keys, decisions, dead letters, waiting hints. Each effect counts what it
 * removed, for the receipt of an erasure.
 */
import type { Transaction } from '../runtime/database.ts';
import type { ErasureHead } from './erasures.ts';

interface Ids {
  readonly linkIds: readonly string[];
  readonly integrationIds: readonly string[];
  readonly bevatelIds: readonly string[];
  /** Beside each its integration. */
  readonly externalIds: readonly string[];
  readonly externalIntegrationIds: readonly string[];
}

function idsOf({ records }: ErasureHead): Ids {
  const external = records.filter((one) => one.externalId !== null);
  return {
    linkIds: records.map((one) => one.linkId),
    integrationIds: records.map((one) => one.integrationId),
    bevatelIds: [...new Set(records.flatMap((one) => one.bevatelId ?? []))],
    externalIds: external.map((one) => one.externalId ?? ''),
    externalIntegrationIds: external.map((one) => one.integrationId),
  };
}

export async function clearMatchKeys(transaction: Transaction, erasure: ErasureHead): Promise<number> {
  const { linkIds, integrationIds } = idsOf(erasure);
  const { rows } = await transaction.query<{ one: number }>({
    text: `delete from match_keys m using unnest($2::text[], $3::text[]) as n(integration_id, link_id)
           where m.tenant_id = $1 and m.integration_id = n.integration_id and m.link_id = n.link_id returning 1 as one`,
    values: [erasure.tenantId, integrationIds, linkIds],
  });
  return rows.length;
}

/**
 * What was decided stays, by which rule and when; values, times and actors of the edits go. Also of links that were absorbed
 * into one of these, which are found by the records' ids.
 */
export async function clearDecisions(transaction: Transaction, erasure: ErasureHead): Promise<number> {
  const { linkIds, bevatelIds, externalIds, externalIntegrationIds } = idsOf(erasure);
  const { rows } = await transaction.query<{ one: number }>({
    text: `update decisions d set groups = coalesce((
             select json_agg(json_strip_nulls(json_build_object('group', g.value -> 'group', 'verdict', g.value -> 'verdict', 'rule', g.value -> 'rule', 'conflict', g.value -> 'conflict', 'writeTo', g.value -> 'writeTo')) order by g.ordinality)
             from json_array_elements(d.groups) with ordinality as g), '[]'::json)
           where d.tenant_id = $1 and json_array_length(d.groups) > 0
             and (d.link_id = any($2) or d.bevatel_id = any($3)
               or exists (select from unnest($4::text[], $5::text[]) as n(integration_id, external_id) where d.integration_id = n.integration_id and d.external_id = n.external_id))
           returning 1 as one`,
    values: [erasure.tenantId, linkIds, bevatelIds, externalIntegrationIds, externalIds],
  });
  return rows.length;
}

/** The bytes go, and with them the way to replay. Letters that nobody could attribute are found by the key of their record. */
export async function clearDeadLetters(transaction: Transaction, erasure: ErasureHead, recordKeys: readonly string[]): Promise<number> {
  const { bevatelIds, externalIds, externalIntegrationIds } = idsOf(erasure);
  const { rows } = await transaction.query<{ one: number }>({
    text: `update dead_letters d set bytes = '', detail = null, status = 'erased', awaits_relay = false
           where d.status <> 'erased' and (
             (d.tenant_id = $1 and d.side = 'bevatel' and d.record_id = any($2))
             or exists (select from unnest($3::text[], $4::text[]) as n(integration_id, external_id)
                        where d.tenant_id = $1 and d.side = 'external' and (d.integration_id is null or d.integration_id = n.integration_id) and d.record_id = n.external_id)
             or (d.tenant_id is null and d.record_key = any($5::bytea[])))
           returning 1 as one`,
    values: [erasure.tenantId, bevatelIds, externalIntegrationIds, externalIds, recordKeys.map((key) => Buffer.from(key))],
  });
  return rows.length;
}

export async function clearWaitingHints(transaction: Transaction, erasure: ErasureHead): Promise<number> {
  const { bevatelIds, externalIds, externalIntegrationIds } = idsOf(erasure);
  const { rows } = await transaction.query<{ one: number }>({
    text: `delete from waiting_hints w
           where w.tenant_id = $1 and (
             (w.side = 'bevatel' and w.record_id = any($2))
             or exists (select from unnest($3::text[], $4::text[]) as n(integration_id, external_id) where w.side = 'external' and w.integration_id = n.integration_id and w.record_id = n.external_id))
           returning 1 as one`,
    values: [erasure.tenantId, bevatelIds, externalIntegrationIds, externalIds],
  });
  return rows.length;
}
