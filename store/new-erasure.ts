/** What is written down of an erasure at the moment at which its links are erased: its head, the hashes, and the receipts that are known at once. */
import type { Link } from '../domain/link.ts';
import type { PersonHashes } from '../runtime/person-hash.ts';
import type { Side } from '../schemas/value.ts';
import type { ErasureHead, NewErasure, Receipt } from './erasures.ts';

export interface ErasureFacts extends Pick<ErasureHead, 'tenantId' | 'erasureId' | 'origin' | 'requestedBy'> {
  readonly at: number;
  readonly links: readonly {
    /** As it was. */
    readonly link: Link;
    /** The side whose system told it, if one did. */
    readonly told: Side | null;
    /** Sides whose systems are asked to erase too, and those that have a record and are not. */
    readonly asked: readonly Side[];
    readonly notAsked: readonly Side[];
  }[];
  /** Of everything that was known of the person. */
  readonly personKeys: readonly string[];
}

/** Without keys no hash is stored, and the receipt says so: the erasure itself waits for nothing. */
export function erasureOf(facts: ErasureFacts, hashes: PersonHashes | null): NewErasure {
  const { tenantId, erasureId, origin, requestedBy, at, links } = facts;
  const keys = [...new Set(facts.personKeys)];
  const stored = hashes ? keys.map((key) => hashes.hash(tenantId, key)) : [];
  const common = { integrationId: '', at, untilAt: null };
  const receipts: Receipt[] = [
    { ...common, place: 'links', state: 'done', items: links.length, detail: null },
    hashes
      ? { ...common, place: 'person_hashes', state: 'done', items: stored.length, detail: null }
      : { ...common, place: 'person_hashes', state: 'refused', items: 0, detail: 'configuration_missing' },
    ...links.flatMap((one) => systemReceipts(one, at)),
  ];
  return {
    tenantId, erasureId, origin, requestedBy, requestedAt: at, hashes: stored, receipts,
    records: links.map(({ link: { integrationId, linkId, bevatelId, externalId } }) => ({ integrationId, linkId, bevatelId, externalId })),
  };
}

function systemReceipts({ link, told, asked, notAsked }: ErasureFacts['links'][number], at: number): Receipt[] {
  const of = (side: Side, state: Receipt['state']): Receipt => ({ place: `system:${side}`, integrationId: link.integrationId, state, items: 1, at, untilAt: null, detail: null });
  return [...(told ? [of(told, 'done')] : []), ...asked.map((side) => of(side, 'asked')), ...notAsked.map((side) => of(side, 'not_asked'))];
}
