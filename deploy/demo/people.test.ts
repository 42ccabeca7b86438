/** The demo's people: reproducible, distinct, and really the same people on both sides by the product's own rules. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildContext } from '../../domain/context.ts';
import { matchKeys } from '../../domain/match.ts';
import { parseIntegrationFile } from '../../schemas/integration-file.ts';
import type { Image } from '../../schemas/value.ts';
import { inventPeople, PER_SIDE, SHARED } from './people.ts';

const integration = parseIntegrationFile(readFileSync(join(import.meta.dirname, 'hubspot.yaml'), 'utf8'), 'hubspot.yaml');
const { mapping } = buildContext(integration);
const people = inventPeople(1);

function keysOn(side: 'bevatel' | 'external'): readonly (readonly string[])[] {
  return people.map((person) => {
    const fields = side === 'bevatel' ? person.bevatel : person.hubspot;
    return fields ? matchKeys(mapping, side, fields as Image).map(({ key }) => key) : [];
  });
}

describe('invented people', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(inventPeople(1)).toEqual(people);
    expect(inventPeople(2)).not.toEqual(people);
  });

  it(`are ${PER_SIDE} on each side, ${SHARED} of them on both`, () => {
    expect(people.filter(({ bevatel }) => bevatel)).toHaveLength(PER_SIDE);
    expect(people.filter(({ hubspot }) => hubspot)).toHaveLength(PER_SIDE);
    expect(people.filter(({ bevatel, hubspot }) => bevatel && hubspot)).toHaveLength(SHARED);
  });

  it('match their other writing by phone or e-mail, and nobody else', () => {
    const [bevatel, external] = [keysOn('bevatel'), keysOn('external')];
    const owners = new Map<string, Set<number>>();
    for (const keys of [bevatel, external]) {
      keys.forEach((own, index) => own.forEach((key) => owners.set(key, (owners.get(key) ?? new Set()).add(index))));
    }
    expect([...owners.values()].filter((indexes) => indexes.size > 1)).toEqual([]);
    const met = people.slice(0, SHARED).filter((_, index) => bevatel[index]?.some((key) => external[index]?.includes(key)));
    expect(met).toHaveLength(SHARED);
  });

  it('are written differently, lack fields, and hold a few invalid values', () => {
    const shared = people.slice(0, SHARED);
    expect(shared.filter(({ bevatel, hubspot }) => bevatel?.phone_number && bevatel.phone_number !== hubspot?.['phone']).length).toBeGreaterThan(SHARED / 2);
    expect(shared.some(({ bevatel }) => !bevatel?.email) && shared.some(({ hubspot }) => !hubspot?.['phone'])).toBe(true);
    const phone = mapping.byName.get('phone_number')?.lens;
    const invalid = people.filter(({ bevatel }) => bevatel?.phone_number && phone?.canonical('bevatel', [bevatel.phone_number]).ok === false);
    expect(invalid).toHaveLength(4);
  });
});
