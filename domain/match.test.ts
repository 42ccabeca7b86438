import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zIntegration } from '../schemas/integration.ts';
import type { Image, Side } from '../schemas/value.ts';
import { buildMapping } from './lenses/mapping.ts';
import { chooseMatch, matchIdentityBuckets, matchKeys } from './match.ts';
import type { MatchChoice } from './match.ts';

const integration = zIntegration.parse({
  integration: 'demo', tenant: 'acme', system: 'hubspot', connection: { tokenEnv: 'TOKEN' }, bevatel: { baseUrl: 'http://127.0.0.1', keyEnv: 'KEY' },
  match: ['phone_number', 'custom.mobile', 'email', 'company_name'],
  fields: [
    { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' },
    { bevatel: 'custom.mobile', external: 'mobilephone', lens: 'phone', region: 'SA' },
    { bevatel: 'email', external: 'work_email', lens: 'email' },
    { bevatel: 'company_name', external: 'company' },
  ],
});
const mapping = buildMapping(integration);
const keys = (side: Side, image: Image) => matchKeys(mapping, integration, side, image);

describe('matchKeys', () => {
  it.each<[string, Side, Image, string[]]>([
    ['the rules in their order', 'bevatel', { email: 'A@B.de', phone_number: '+966501234567' }, ['phone:+966501234567', 'email:a@b.de']],
    ['the same keys from the other side, written differently', 'external', { work_email: ' a@b.DE', phone: '٠٥٠ ١٢٣ ٤٥٦٧' }, ['phone:+966501234567', 'email:a@b.de']],
    ['each number once', 'external', { phone: '0501234567', mobilephone: '+966 50 123 4567' }, ['phone:+966501234567']],
    ['no key of unknown, empty and invalid values', 'external', { phone: '12', mobilephone: '', work_email: null }, []],
    ['no key of a field that the rules or the mapping do not name', 'external', { email: 'a@b.de', company: 'ACME' }, []],
    ['no key of a switchboard', 'external', { phone: '+966 11 234 5678 ext 12', work_email: 'a@b.de' }, ['email:a@b.de']],
  ])('%s', (_name, side, image, expected) => expect(keys(side, image)).toEqual(expected));
});

describe('matchIdentityBuckets', () => {
  it('is stable, ascending and without doubles', () => {
    expect(matchIdentityBuckets(['phone:+966501234567', 'email:a@b.de', 'phone:+966501234567'])).toEqual(matchIdentityBuckets(['email:a@b.de', 'phone:+966501234567']));
    expect(matchIdentityBuckets([])).toEqual([]);
    fc.assert(fc.property(fc.array(fc.string()), (list) => {
      const buckets = matchIdentityBuckets(list);
      expect(buckets).toEqual([...new Set(buckets)].sort((a, b) => a - b));
      expect(buckets.every((bucket) => Number.isInteger(bucket) && bucket >= 0 && bucket <= 255)).toBe(true);
    }));
  });

  it('never changes: processes of different versions take the same locks', () => {
    expect(['phone:+966501234567', 'email:a@b.de', 'email:سارة@مثال.السعودية'].map((key) => matchIdentityBuckets([key])[0])).toEqual([251, 193, 72]);
  });

  it('spreads neighbouring numbers over most buckets', () => {
    const used = matchIdentityBuckets(Array.from({ length: 5_000 }, (_, index) => `phone:+96650${1_000_000 + index}`));
    expect(used.length).toBeGreaterThan(240);
  });
});

describe('I4: chooseMatch', () => {
  const P = 'phone:+966501234567';
  const Q = 'phone:+966501234568';
  const E = 'email:a@b.de';
  const one = (linkId: string, rule: string): MatchChoice => ({ kind: 'one', linkId, rule });
  const several = (linkIds: string[], rule: string): MatchChoice => ({ kind: 'several', linkIds, rule });

  it.each<[string, Record<string, string[]>, string[], MatchChoice]>([
    ['no candidates', {}, [P, E], { kind: 'none' }],
    ['no keys', { X: [P] }, [], { kind: 'none' }],
    ['no common key', { X: [Q] }, [P, E], { kind: 'none' }],
    ['one by phone', { X: [P], Y: [Q] }, [P, E], one('X', 'phone')],
    ['one by the second rule', { X: [E] }, [P, E], one('X', 'email')],
    ['one by both', { X: [P, E] }, [P, E], one('X', 'phone')],
    ['the second rule also finds others, yet agrees', { X: [P, E], Y: [E] }, [P, E], one('X', 'phone')],
    ['several by phone', { Y: [P], X: [P] }, [P, E], several(['X', 'Y'], 'phone')],
    ['several by phone are not told apart by e-mail', { X: [P, E], Y: [P] }, [P, E], several(['X', 'Y'], 'phone')],
    ['several by e-mail', { X: [E], Y: [E] }, [P, E], several(['X', 'Y'], 'email')],
    ['phone says X, e-mail says Y', { X: [P], Y: [E] }, [P, E], several(['X', 'Y'], 'phone+email')],
    ['two phones say X and Y', { X: [P], Y: [Q] }, [P, Q], several(['X', 'Y'], 'phone')],
    ['the order of the keys is the order of the rules', { X: [E, P], Y: [P] }, [E, P], one('X', 'email')],
  ])('%s', (_name, table, wanted, expected) => {
    const candidates = Object.entries(table).map(([linkId, held]) => ({ linkId, keys: held }));
    expect(chooseMatch(candidates, wanted)).toEqual(expected);
    expect(chooseMatch(candidates.toReversed(), wanted)).toEqual(expected);
  });
});
