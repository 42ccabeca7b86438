/** Marks of listings: a listing is stored when the mark of every partition was folded; a pair of them opens creation (design §5). */
import type { Transaction } from '../runtime/database.ts';
import type { ContactChange } from '../schemas/change.ts';

/** Adds the partition's mark to each listing named, and opens creation where both sides' first listings are stored. */
export function markListings(transaction: Transaction, marks: readonly ContactChange[], partition: number, now: number): void {
  for (const mark of marks) {
    const partitions = Number(mark.image['partitions'] ?? 0);
    transaction.send({
      text: `update listings set
         marks = case when $5 = any(marks) then marks else marks || $5 end,
         stored_at = case when stored_at is null and cardinality(case when $5 = any(marks) then marks else marks || $5 end) >= $6 then $7 else stored_at end
       where tenant_id = $1 and integration_id = $2 and side = $3 and listing_id = $4`,
      values: [mark.tenantId, mark.integrationId, mark.side, mark.recordId, partition, partitions, now],
    });
    transaction.send({
      text: `update integrations i set matched_at = $3
       where i.tenant_id = $1 and i.integration_id = $2 and i.matched_at is null
         and (select count(*) from listings l where l.tenant_id = $1 and l.integration_id = $2 and l.stored_at is not null) = 2`,
      values: [mark.tenantId, mark.integrationId, now],
    });
  }
}
