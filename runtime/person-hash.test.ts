/** Keyed hashes: the same person under the same key, nobody else, and what is wrong with the keys is told without them. */
import { describe, expect, it } from 'vitest';
import { parsePersonHashes } from './person-hash.ts';

const NEW = '2027:a-first-secret-of-more-than-32-characters';
const OLD = '2026:a-second-secret-of-more-than-32-characters';
const parse = (keys: string) => parsePersonHashes({ ERASURE_HASH_KEYS: keys });

describe('hashes of persons', () => {
  it('are the same for the same key, person and tenant, and differ in each of them', () => {
    const hashes = parse(NEW);
    const hash = (tenant: string, key: string, of = hashes) => of?.hash(tenant, key).hash.toString('hex');
    expect(hash('acme', 'email:a@b.de')).toBe(hash('acme', 'email:a@b.de'));
    expect(new Set([hash('acme', 'email:a@b.de'), hash('other', 'email:a@b.de'), hash('acme', 'email:b@b.de'), hash('acme', 'email:a@b.de', parse(OLD))]).size).toBe(4);
  });

  it('of every key are compared, and new ones are made under the first', () => {
    const before = parse(OLD)?.hash('acme', 'phone:+966501234567');
    const rotated = parse(`${NEW}, ${OLD}`);
    expect(rotated?.keyIds).toEqual(['2027', '2026']);
    expect(rotated?.hash('acme', 'phone:+966501234567').keyId).toBe('2027');
    expect(rotated?.candidates('acme', 'phone:+966501234567')).toContainEqual(before);
  });

  it('without keys there are none', () => {
    expect(parsePersonHashes({})).toBeNull();
    expect(parse('')).toBeNull();
  });

  it.each(['short:secret', 'no-id-but-long-enough-to-be-a-secret-of-32', `${NEW},${NEW}`, 'an id:a-first-secret-of-more-than-32-characters'])('I11: malformed keys are refused without being repeated (%#)', (keys) => {
    expect(() => parse(keys)).toThrow(expect.objectContaining({ code: 'configuration_invalid', message: expect.not.stringContaining('secret-of') }));
  });
});
