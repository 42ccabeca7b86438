import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CROWD, pairUp } from './pairing.ts';
import type { Bearer, PairingRules, Settled, Standing } from './pairing.ts';
import type { MatchKey } from './match.ts';
import type { Side } from '../schemas/value.ts';

const RULES: PairingRules = { shared: 'hold', names: { threshold: 0.8, margin: 0.15 } };
const RANKS: Readonly<Record<string, [kind: string, rank: number]>> = { r: ['reference', -1], p: ['phone', 0], e: ['email', 1], n: ['custom.national_id', 2], m: ['phone', 3] };

/** `P1 E1 أحمد علي`: keys (the first letter tells the rule, `m` is a phone of a later rule), then the name. `-b1` parts it from a record; `idle`: nobody would be made for it. */
function keysOf(words: readonly string[]): readonly MatchKey[] {
  return words.flatMap((word) => {
    const [letter = ''] = word.toLowerCase();
    const [kind, rank] = RANKS[letter] ?? ['', 0];
    return /^[a-zA-Z]\d+$/.test(word) ? [{ key: `${kind}:${word.slice(1)}`, kind, rank }] : [];
  });
}

function bearer(id: string, told: string): Bearer {
  const words = told.split(' ').filter((word) => word !== '');
  const name = words.filter((word) => !/^[a-zA-Z]\d+$|^-|^idle$/.test(word)).join(' ');
  const apart = words.filter((word) => word.startsWith('-')).map((word) => ({ side: sideOf(word.slice(1)), id: word.slice(1) }));
  return { linkId: id, side: sideOf(id), recordId: id, keys: keysOf(words), name: name === '' ? null : name, apart, claims: !words.includes('idle') };
}

function sideOf(id: string): Side {
  return id.startsWith('b') ? 'bevatel' : 'external';
}

function pair(ids: string, told: string): Settled {
  const [b = '', x = ''] = ids.split('+');
  const of = (id: string) => ({ side: sideOf(id), recordId: id, keys: bearer(id, told).keys, name: bearer(id, told).name });
  return { linkId: ids, records: [of(b), of(x)], apart: [] };
}

function told(standing: Standing | undefined): string {
  if (!standing) return 'absent';
  if (standing.kind === 'free') return 'free';
  if (standing.kind === 'paired') return `= ${standing.with} by ${standing.rule}`;
  return `${standing.kind === 'multi_match' ? 'several' : 'duplicate'} ${standing.candidates.map(({ linkId }) => linkId).join(' ')} by ${standing.rule}`;
}

function outcome(records: Readonly<Record<string, string>>, rules: PairingRules = RULES): Record<string, string> {
  const ids = Object.keys(records);
  const bearers = ids.filter((id) => !id.includes('+')).map((id) => bearer(id, records[id] ?? ''));
  const settled = ids.filter((id) => id.includes('+')).map((id) => pair(id, records[id] ?? ''));
  const standings = pairUp(bearers, settled, rules);
  return Object.fromEntries(bearers.map(({ linkId }) => [linkId, told(standings.get(linkId))]));
}

type Row = [what: string, given: Record<string, string>, expected: Record<string, string>];

describe('I4: pairUp: one on each side', () => {
  it.each<Row>([
    ['one key in common', { b1: 'P1', x1: 'P1' }, { b1: '= x1 by phone', x1: '= b1 by phone' }],
    ['nothing in common', { b1: 'P1', x1: 'P2 E1' }, { b1: 'free', x1: 'free' }],
    ['no keys at all', { b1: '', x1: '' }, { b1: 'free', x1: 'free' }],
    ['by the second rule', { b1: 'P1 E1', x1: 'P2 E1' }, { b1: '= x1 by email', x1: '= b1 by email' }],
    ['by both', { b1: 'P1 E1', x1: 'P1 E1' }, { b1: '= x1 by phone', x1: '= b1 by phone' }],
    ['by an identifier', { b1: 'N1', x1: 'N1' }, { b1: '= x1 by custom.national_id', x1: '= b1 by custom.national_id' }],
    ['numbers meet across fields', { b1: 'P1', x1: 'M1' }, { b1: '= x1 by phone', x1: '= b1 by phone' }],
    ['names make nobody a candidate', { b1: 'P1 محمد القحطاني', x1: 'P2 محمد القحطاني' }, { b1: 'free', x1: 'free' }],
    ['names contradict no key', { b1: 'P1 Sara', x1: 'P1 Omar' }, { b1: '= x1 by phone', x1: '= b1 by phone' }],
    ['a reference goes before all keys', { b1: 'R7 P1', x1: 'R7 P2', x2: 'P1' }, { b1: '= x1 by reference', x1: '= b1 by reference', x2: 'duplicate b1 by phone' }],
    ['parted by somebody', { b1: 'P1 -x1', x1: 'P1' }, { b1: 'free', x1: 'free' }],
    ['parted, and somebody else is there', { b1: 'P1 -x1', x1: 'P1', x2: 'P1' }, { b1: '= x2 by phone', x1: 'duplicate b1 by phone', x2: '= b1 by phone' }],
  ])('%s', (_what, given, expected) => expect(outcome(given)).toEqual(expected));
});

describe('I4: pairUp: several', () => {
  it.each<Row>([
    ['two contacts, one record', { b1: 'P1', b2: 'P1', x1: 'P1' }, { b1: 'several x1 by phone', b2: 'several x1 by phone', x1: 'several b1 b2 by phone' }],
    ['one contact, two records', { b1: 'P1', x1: 'P1', x2: 'P1' }, { b1: 'several x1 x2 by phone', x1: 'several b1 by phone', x2: 'several b1 by phone' }],
    ['told apart by the name, across scripts', { b1: 'P1 محمد القحطاني', b2: 'P1 نورة القحطاني', x1: 'P1 Mohammed Al-Qahtani' }, { b1: '= x1 by phone+name', b2: 'duplicate b1 by phone', x1: '= b1 by phone+name' }],
    ['both told apart', { b1: 'P1 محمد علي', b2: 'P1 سارة علي', x1: 'P1 Sarah Ali', x2: 'P1 Mohamed Ali' }, { b1: '= x2 by phone+name', b2: '= x1 by phone+name', x1: '= b2 by phone+name', x2: '= b1 by phone+name' }],
    ['brothers, across scripts: not clear', { b1: 'P1 حسن علي', b2: 'P1 حسين علي', x1: 'P1 Hasan Ali' }, { b1: 'several x1 by phone', b2: 'several x1 by phone', x1: 'several b1 b2 by phone' }],
    ['the same name twice: not clear', { b1: 'P1 Sara', b2: 'P1 Sara', x1: 'P1 Sara' }, { b1: 'several x1 by phone', b2: 'several x1 by phone', x1: 'several b1 b2 by phone' }],
    ['a name that is like, but not enough', { b1: 'P1 Omar Ali', b2: 'P1', x1: 'P1 Sara Ali' }, { b1: 'several x1 by phone', b2: 'several x1 by phone', x1: 'several b1 b2 by phone' }],
    ['one candidate has no name, the other is clear', { b1: 'P1 Sara Ali', b2: 'P1', x1: 'P1 Sara Ali' }, { b1: '= x1 by phone+name', b2: 'duplicate b1 by phone', x1: '= b1 by phone+name' }],
    ['phone says one, e-mail the other', { b1: 'P1', b2: 'E1', x1: 'P1 E1' }, { b1: 'several x1 by phone', b2: 'several x1 by email', x1: 'several b1 b2 by phone+email' }],
    ['phone and e-mail at odds, decided by the name', { b1: 'P1 Omar', b2: 'E1 Sara', x1: 'P1 E1 Sara' }, { b1: 'duplicate b2 by phone', b2: '= x1 by phone+email+name', x1: '= b2 by phone+email+name' }],
    ['the later key finds others too, and agrees', { b1: 'P1 E1', b2: 'E1', x1: 'P1 E1' }, { b1: '= x1 by phone', b2: 'duplicate b1 by email', x1: '= b1 by phone' }],
    ['several by phone are not told apart by e-mail', { b1: 'P1 E1', b2: 'P1', x1: 'P1 E1' }, { b1: 'several x1 by phone+email', b2: 'several x1 by phone', x1: 'several b1 b2 by phone+email' }],
    ['one is not who is left over', { b1: 'P1 Sara Ali', b2: 'P1', x1: 'P1 Sara Ali', x2: 'P1' }, { b1: '= x1 by phone+name', b2: 'several x2 by phone', x1: '= b1 by phone+name', x2: 'several b2 by phone' }],
    ['the likeliest first', { b1: 'P1 Sara Ali', x1: 'P1 Omar Ali', x2: 'P1 Sara Ali', x3: 'P1 Sara Ali' }, { b1: 'several x2 x3 x1 by phone', x1: 'several b1 by phone', x2: 'several b1 by phone', x3: 'several b1 by phone' }],
  ])('%s', (_what, given, expected) => expect(outcome(given)).toEqual(expected));
});

describe('pairUp: what is taken already', () => {
  it.each<Row>([
    ['a pair has the key', { b1: 'P1', 'b9+x9': 'P1' }, { b1: 'duplicate b9+x9 by phone' }],
    ['two of one side: the elder stands', { b1: 'P1', b2: 'P1', b3: 'P1' }, { b1: 'free', b2: 'duplicate b1 by phone', b3: 'duplicate b1 b2 by phone' }],
    ['ids that are counted up: 9 is older than 10', { x10: 'P1', x9: 'P1' }, { x9: 'duplicate x10 by phone', x10: 'free' }],
    ['nobody would be made for either', { b1: 'P1 idle', b2: 'P1 idle' }, { b1: 'free', b2: 'free' }],
    ['nobody is made for the elder', { b1: 'P1 idle', b2: 'P1' }, { b1: 'free', b2: 'free' }],
    ['somebody said that they are two', { b1: 'P1', b2: 'P1 -b1', b3: 'P1 -b9', 'b9+x9': 'P2' }, { b1: 'free', b2: 'free', b3: 'duplicate b1 b2 by phone' }],
    ['somebody said that it is not that pair', { b1: 'P1 -b9', 'b9+x9': 'P1' }, { b1: 'free' }],
    ['a free candidate, and a pair that may be the same', { b1: 'P1', x1: 'P1', 'b9+x9': 'P1' }, { b1: 'several x1 b9+x9 by phone', x1: 'several b1 b9+x9 by phone' }],
    ['a free candidate, told from the pair by the name', { b1: 'P1 نورة', x1: 'P1 Noura', 'b9+x9': 'P1 محمد' }, { b1: '= x1 by phone+name', x1: '= b1 by phone+name' }],
    ['a contact of the pair, and a record of somebody else', { b1: 'P1 Sara Ali', x1: 'P1 Omar', 'b9+x9': 'P1 Sara Ali' }, { b1: 'several b9+x9 x1 by phone', x1: 'several b1 b9+x9 by phone' }],
    ['its second key points to a pair', { b1: 'P1 E1', x1: 'P1', 'b9+x9': 'E1' }, { b1: 'several x1 b9+x9 by phone', x1: 'several b1 by phone' }],
  ])('%s', (_what, given, expected) => expect(outcome(given)).toEqual(expected));

  it('shared: create: whoever shares a key gets a partner of its own', () => {
    expect(outcome({ b1: 'P1', b2: 'P1', 'b9+x9': 'P1' }, { ...RULES, shared: 'create' })).toEqual({ b1: 'free', b2: 'free' });
  });
});

describe('pairUp: a key that too many bear', () => {
  const office = Object.fromEntries(Array.from({ length: CROWD + 1 }, (_, index) => [`b${index + 10}`, 'E1']));
  it('pairs nobody, contradicts nobody, and holds who has nothing better', () => {
    const all = outcome({ ...office, b1: 'P1 E1', x1: 'P1 E1', x2: 'E1' });
    expect(all['b1']).toBe('= x1 by phone');
    expect(all['x2']).toMatch(/^several (b\d+ ?){20} by email$/);
    expect(all['b10']).toMatch(/^several x2 by email$/);
  });
  it('none of a crowd on one side is the first', () => {
    expect(Object.values(outcome(office)).every((one) => one.startsWith('duplicate '))).toBe(true);
  });
});

describe('laws', () => {
  const name = fc.constantFrom('', 'محمد القحطاني', 'Mohammed Al-Qahtani', 'نورة القحطاني', 'Sara Haddad', 'Omar');
  const record = fc.tuple(fc.subarray(['P1', 'P2', 'E1', 'E2', 'N1', 'M1', 'M2']), name, fc.constantFrom('', 'idle', '-x1', '-b2')).map(([keys, who, more]) => [...keys, who, more].join(' '));
  const records = fc.dictionary(fc.constantFrom('b1', 'b2', 'b3', 'b4', 'x1', 'x2', 'x3', 'x4', 'b8+x8', 'b9+x9'), record, { maxKeys: 8 });

  it('I4: the order of arrival changes nothing', () => {
    fc.assert(fc.property(records, fc.infiniteStream(fc.nat()), (given, ranks) => {
      const random = ranks[Symbol.iterator]();
      const shuffled = Object.entries(given).map((one) => ({ one, rank: random.next().value as number })).sort((a, b) => a.rank - b.rank).map(({ one }) => one);
      const entries = shuffled.map(([id, told]) => [id, told] as const);
      expect(outcome(Object.fromEntries(entries))).toEqual(outcome(given));
    }));
  });

  it('I4: every record is in at most one pair, with one of the other side that bears a key of it; held candidates are held, too', () => {
    fc.assert(fc.property(records, (given) => {
      const bearers = Object.keys(given).filter((id) => !id.includes('+')).map((id) => bearer(id, given[id] ?? ''));
      const standings = pairUp(bearers, Object.keys(given).filter((id) => id.includes('+')).map((id) => pair(id, given[id] ?? '')), RULES);
      for (const one of bearers) {
        const standing = standings.get(one.linkId);
        if (standing?.kind === 'paired') {
          const partner = bearers.find(({ linkId }) => linkId === standing.with);
          expect(standings.get(standing.with)).toMatchObject({ kind: 'paired', with: one.linkId });
          expect(partner?.side).not.toBe(one.side);
          expect(partner?.keys.some(({ key }) => one.keys.some((mine) => mine.key === key))).toBe(true);
        }
        if (standing?.kind === 'multi_match') {
          for (const { linkId } of standing.candidates) if (!linkId.includes('+')) expect(standings.get(linkId)?.kind).toBe('multi_match');
        }
      }
    }));
  });
});
