import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zIntegration } from '../schemas/integration.ts';
import type { Image, Side } from '../schemas/value.ts';
import { buildMapping } from './lenses/mapping.ts';
import { EMPTY_STATE } from './link.ts';
import type { Link } from './link.ts';
import { keyChange, matchIdentityBuckets, matchKeys, nameOn, personKeys } from './match.ts';

const integration = zIntegration.parse({
  integration: 'demo', tenant: 'acme', system: 'hubspot', connection: { tokenEnv: 'TOKEN' }, bevatel: { baseUrl: 'http://127.0.0.1', keyEnv: 'KEY' },
  match: ['phone_number', 'custom.mobile', { identifier: 'custom.national_id' }, { identifier: 'custom.number' }, 'email'],
  fields: [
    { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' },
    { bevatel: 'custom.mobile', external: 'mobilephone', lens: 'phone', region: 'SA' },
    { bevatel: 'email', external: 'work_email', lens: 'email' },
    { bevatel: 'company_name', external: 'company' },
    { bevatel: 'custom.national_id', external: 'nid', alike: ['digits', 'blanks'] },
    { bevatel: 'custom.number', external: 'number', lens: 'number' },
    { bevatel: 'custom.fax', external: 'fax', lens: 'phone', region: 'SA' },
    { lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: 'name' },
  ],
});
const mapping = buildMapping(integration);
const keys = (side: Side, image: Image) => matchKeys(mapping, side, image).map(({ key }) => key);

describe('matchKeys', () => {
  it.each<[string, Side, Image, string[]]>([
    ['the rules in their order', 'bevatel', { email: 'A@B.de', phone_number: '+966501234567' }, ['phone:+966501234567', 'email:a@b.de']],
    ['the same keys from the other side, written differently', 'external', { work_email: ' a@b.DE', phone: '٠٥٠ ١٢٣ ٤٥٦٧' }, ['phone:+966501234567', 'email:a@b.de']],
    ['each number once', 'external', { phone: '0501234567', mobilephone: '+966 50 123 4567' }, ['phone:+966501234567']],
    ['no key of unknown, empty and invalid values', 'external', { phone: '12', mobilephone: '', work_email: null }, []],
    ['no key of a field that the rules or the mapping do not name', 'external', { email: 'a@b.de', company: 'ACME' }, []],
    ['an identifier as its field is compared, and apart from others of the same value', 'external', { nid: ' ١٠١٢345 ', number: '1012345' }, ['custom.national_id:1012345', 'custom.number:1012345']],
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

describe('keyChange', () => {
  const link = (over: Partial<Link>, seen: Partial<Record<Side, Image>> = {}): Link => ({
    tenantId: 't', integrationId: 'i', linkId: 'l', bevatelId: 'b', externalId: 'x', erased: false, ...over,
    state: { ...EMPTY_STATE, ...over.state, seen: Object.fromEntries(Object.entries(seen).map(([side, values]) => [side, { revision: '1', values, times: {}, observedFrom: 0, recordedAt: 0, modifiedAt: null, reference: null }])) },
  });
  const before = link({}, { bevatel: { email: 'a@b.de', company_name: 'A' }, external: { work_email: 'a@b.de' } });
  const row = (side: Side, matchKey: string) => ({ side, matchKey });

  it.each<[string, Link | null, Link | null, ReturnType<typeof keyChange>]>([
    ['another field moved', before, link({}, { bevatel: { email: 'a@b.de', company_name: 'B' }, external: { work_email: 'a@b.de' } }), null],
    ['another writing', before, link({}, { bevatel: { email: 'A@B.de' }, external: { work_email: 'a@b.de' } }), null],
    ['one side moved', before, link({}, { bevatel: { email: 'c@d.de' }, external: { work_email: 'a@b.de' } }), { gone: [row('bevatel', 'email:a@b.de')], added: [row('bevatel', 'email:c@d.de')] }],
    ['a new link', null, before, { gone: [], added: [row('bevatel', 'email:a@b.de'), row('external', 'email:a@b.de')] }],
    ['a link that ends', before, null, { gone: [row('bevatel', 'email:a@b.de'), row('external', 'email:a@b.de')], added: [] }],
    ['a record is gone', before, link({ state: { ...EMPTY_STATE, gone: { external: { how: 'deleted', at: 1 } } } }, { bevatel: { email: 'a@b.de' }, external: { work_email: 'a@b.de' } }), { gone: [row('external', 'email:a@b.de')], added: [] }],
    ['an erasure', before, link({ erased: true }), { gone: [row('bevatel', 'email:a@b.de'), row('external', 'email:a@b.de')], added: [] }],
  ])('%s', (_name, was, is, expected) => expect(keyChange(mapping, was, is)).toEqual(expected));
});

describe('what tells whose record it is', () => {
  it('the name, wherever the mapping has it', () => {
    expect(nameOn(mapping, 'bevatel', { contact_first_name: 'محمد', contact_last_name: 'القحطاني' })).toBe('محمد القحطاني');
    expect(nameOn(mapping, 'external', { name: 'Mohammed Al-Qahtani' })).toBe('Mohammed Al-Qahtani');
    expect(nameOn(mapping, 'bevatel', { email: 'a@b.de', contact_first_name: null })).toBeNull();
  });

  it('all numbers, addresses and identifiers, also those that records are not matched by', () => {
    expect(personKeys(mapping, 'external', { fax: '050 123 4567', nid: '7' }).toSorted()).toEqual(['custom.national_id:7', 'phone:+966501234567']);
  });
});
