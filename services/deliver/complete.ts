/** What a write carries beside the mapped values: the page of the external record, wherever Bevatel learns of its partner. */
import type { Link } from '../../domain/link.ts';
import type { WriteOp } from '../../schemas/record.ts';
import type { Side } from '../../schemas/value.ts';

/** Bevatel's agents open the record by `crm_url` (requirements 000, §6: "returned"); a mapping of it goes first. */
export function completedWrite(side: Side, link: Link, op: WriteOp, urlOf: (externalId: string) => string | null): WriteOp {
  if (side !== 'bevatel' || op.reference === null || link.externalId === null || 'crm_url' in op.values) return op;
  const url = urlOf(link.externalId);
  return url === null ? op : { ...op, values: { ...op.values, crm_url: url } };
}
