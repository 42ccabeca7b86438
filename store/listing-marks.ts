/** Marks of listings: a listing is stored when the mark of every partition was folded; when both sides' first ones are, their records are matched (design §5). */
import type { Transaction } from '../runtime/database.ts';
import type { ContactChange } from '../schemas/change.ts';

/** Adds the partition's mark to each listing named. */
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
  }
}
