/** A record's identity: what pairing looks at (domain/pairing.ts), made of what its side shows. */
import { otherSide } from '../schemas/value.ts';
import type { Image, Side } from '../schemas/value.ts';
import type { Mapping } from './lenses/mapping.ts';
import { matchKeys, nameOn } from './match.ts';
import type { MatchKey } from './match.ts';
import { REFERENCE_RANK } from './pairing.ts';
import type { Identity } from './pairing.ts';

export interface ShownRecord {
  readonly side: Side;
  readonly recordId: string;
  readonly image: Image;
  /** The partner that the record names. */
  readonly reference: string | null;
}

/** Of a record without a partner: its own id is a key, too, since another may name it as its partner. */
export function identityOf(mapping: Mapping, { side, recordId, image, reference }: ShownRecord): Identity {
  const names = [`${side}/${recordId}`, ...(reference === null ? [] : [`${otherSide(side)}/${reference}`])];
  const references = names.map((key): MatchKey => ({ key, kind: 'reference', rank: REFERENCE_RANK }));
  return { side, recordId, keys: [...references, ...matchKeys(mapping, side, image)], name: nameOn(mapping, side, image) };
}

/** Of a record that has its partner: nobody else's reference to it counts. */
export function pairedIdentityOf(mapping: Mapping, { side, recordId, image }: Omit<ShownRecord, 'reference'>): Identity {
  return { side, recordId, keys: matchKeys(mapping, side, image), name: nameOn(mapping, side, image) };
}
