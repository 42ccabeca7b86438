/** What survives the way to the other side and back, by the lens and its settings, given as in an integration file. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Side, Value } from '../../schemas/value.ts';
import { testContext } from '../testing/context.ts';
import type { MappedLens } from './mapping.ts';
import { isMoreThanSeen, roundTrip } from './round-trip.ts';

const mapped = (entry: object): MappedLens => testContext({ fields: [entry] }).mapping.lenses[0] as MappedLens;
const TEXT = { bevatel: 'company_name', external: 'company' };
const NAME = { lens: 'full_name', bevatel: 'contact_first_name', external: ['firstname', 'lastname'] };
const STAGE = { bevatel: 'custom.stage', external: 'stage', lens: 'picklist', values: { new: 'lead', paying: 'customer' } };
const survives = { kind: 'survives', isRewritten: false };

it.each<[string, object, Side, readonly Value[], object]>([
  ['a text', TEXT, 'bevatel', ['شركة الأفق'], survives],
  ['nothing', TEXT, 'bevatel', ['  '], { kind: 'empty' }],
  ['a text with blanks around it', TEXT, 'bevatel', [' a '], { kind: 'survives', isRewritten: true }],
  ['a number in another writing', { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' }, 'external', ['050 123 4567'], { kind: 'survives', isRewritten: true }],
  ['an invalid number', { bevatel: 'phone_number', external: 'phone', lens: 'phone' }, 'external', ['12'], { kind: 'lost', reason: 'invalid:phone', back: null }],
  ['a text that is too long there', { ...TEXT, maxLength: 3 }, 'bevatel', ['abcd'], { kind: 'lost', reason: 'too_long', back: null }],
  ['a text that Bevatel cannot hold', TEXT, 'external', ['x'.repeat(256)], { kind: 'lost', reason: 'too_long', back: null }],
  ['a text that is cut', { ...TEXT, maxLength: 3, truncate: '…' }, 'bevatel', ['abcd'], { kind: 'lost', reason: 'truncated', back: ['ab…'] }],
  ['a split that is found again', NAME, 'external', ['عبد الرحمن', 'محمد'], survives],
  ['a split that is not', NAME, 'external', ['Ana María', 'López'], { kind: 'lost', reason: 'split', back: ['Ana', 'María López'] }],
  ['a whole name', NAME, 'bevatel', ['Ana María López'], survives],
  ['an option outside the map', STAGE, 'external', ['evangelist'], { kind: 'lost', reason: 'unknown_option', back: null }],
  ['an option that another stands for', { ...STAGE, unknown: { to_external: 'lead' } }, 'bevatel', ['churned'], { kind: 'lost', reason: 'unknown_option', back: ['new'] }],
  ['an option that travels as it is', { ...STAGE, unknown: 'keep' }, 'external', ['evangelist'], survives],
  ['tags of which some stay', { bevatel: 'tags', external: 's', lens: 'set', values: { vip: 'VIP' }, unknown: 'ignore' }, 'bevatel', [['mine', 'vip']], { kind: 'lost', reason: 'unknown_option', back: [['vip']] }],
  ['the time of a day', { bevatel: 'custom.d', external: 'd', lens: 'datetime', dateOnly: 'bevatel', zone: 'Asia/Riyadh' }, 'external', ['2026-04-16T10:00:00Z'], { kind: 'lost', reason: 'time_of_day', back: ['2026-04-15T21:00:00.000Z'] }],
  ['midnight', { bevatel: 'custom.d', external: 'd', lens: 'datetime', dateOnly: 'bevatel', zone: 'Asia/Riyadh' }, 'external', ['2026-04-15T21:00:00.000Z'], survives],
  ['what goes one way need not come back', { ...TEXT, maxLength: 3, truncate: '…', direction: 'to_external' }, 'bevatel', ['abcd'], survives],
  ['a list where a text is wanted', TEXT, 'bevatel', [['a', 'b']], { kind: 'lost', reason: 'invalid:type', back: null }],
])('%s', (_what, entry, side, values, expected) => expect(roundTrip(mapped(entry), side, values)).toEqual(expected));

it.each<[string, object, Side, readonly Value[], boolean]>([
  ['the end of a text', { ...TEXT, maxLength: 5, truncate: '…' }, 'bevatel', ['abcdefg'], true],
  ['a text that fits', { ...TEXT, maxLength: 5, truncate: '…' }, 'bevatel', ['abc'], false],
  ['the time of a day', { bevatel: 'custom.d', external: 'd', lens: 'datetime', dateOnly: 'bevatel', zone: 'Asia/Riyadh' }, 'external', ['2026-04-16T10:00:00Z'], true],
  ['the day itself', { bevatel: 'custom.d', external: 'd', lens: 'datetime', dateOnly: 'bevatel', zone: 'Asia/Riyadh' }, 'bevatel', ['2026-04-16'], false],
  ['a plain text', TEXT, 'bevatel', ['abcdefg'], false],
])('whoever edits the other side does not see %s', (_what, entry, side, values, isMore) => expect(isMoreThanSeen(mapped(entry).lens, side, values)).toBe(isMore));

it('a plain value that is valid always survives', () => {
  fc.assert(fc.property(fc.constantFrom('text', 'number', 'boolean', 'date', 'datetime', 'email', 'url', 'set'), fc.constantFrom<Side>('bevatel', 'external'), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string()), fc.emailAddress(), fc.webUrl()), (lens, side, value) => {
    const trip = roundTrip(mapped({ bevatel: 'custom.x', external: 'x', lens }), side, [value]);
    expect(trip.kind === 'lost' ? trip.reason : 'fine').toMatch(/^(fine|invalid:\w+)$/);
  }));
});
