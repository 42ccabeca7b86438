/** What two values of a conflict are to each other, and which change of the mapping would end all of its kind. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../schemas/value.ts';
import { causeOf } from './conflict-cause.ts';
import { testContext } from './testing/context.ts';

function cause(field: object, bevatel: readonly Value[], external: readonly Value[]) {
  const [rule] = testContext({ fields: [field] }).mapping.lenses;
  if (!rule) throw new Error('no lens');
  return causeOf(rule, { bevatel, external });
}

const TEXT = { bevatel: 'company_name', external: 'company' };

describe('causeOf', () => {
  it.each<[string, object, readonly Value[], readonly Value[], string, object | null]>([
    ['a phone as text', { bevatel: 'custom.mobile', external: 'mobilephone' }, ['+966501234567'], ['050 123 4567'], 'phone_format', { lens: 'phone', region: 'SA' }],
    ['the case of letters', TEXT, ['ACME'], ['Acme'], 'writing:case', { alike: ['case'] }],
    ['several ways of writing', TEXT, ['شركة  الأمل'], ['شركه الامل'], 'writing:blanks+arabic', { alike: ['blanks', 'arabic'] }],
    ['one side empty', TEXT, ['ACME'], [null], 'one_side_empty', { policy: 'non_empty_wins' }],
    ['both empty', TEXT, [null], [''], 'other', null],
    ['a number', { bevatel: 'custom.size', external: 'size' }, ['12.50'], ['12.5'], 'number_format', { lens: 'number' }],
    ['a date', { bevatel: 'custom.since', external: 'since' }, ['2026-01-05'], ['2026-01-05T00:00:00Z'], 'date_format', { lens: 'date' }],
    ['a text that was cut', TEXT, ['Very long company name'], ['Very long com…'], 'cut_short', { truncate: '…', maxLength: 14 }],
    ['the same words in another order', TEXT, ['Hassan Ali'], ['Ali Hassan'], 'same_words', null],
    ['an option by another name', TEXT, ['KSA'], ['Saudi Arabia'], 'options:KSA→Saudi Arabia', null],
    ['sets', { bevatel: 'tags', external: 'tags' }, [['a']], ['b'], 'set_items', { policy: 'union' }],
    ['consents', { bevatel: 'consent', external: 'consent', lens: 'picklist', values: { opted_in: 'y', opted_out: 'n' } }, ['opted_in'], ['n'], 'consent', null],
    ['two long texts', TEXT, ['x'.repeat(50)], ['y'.repeat(50)], 'other', null],
    ['a name over two fields', { lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: 'name' }, ['أحمد', 'علي'], ['احمد علي'], 'writing:arabic', null],
  ])('%s', (_given, field, bevatel, external, name, fix) => {
    expect(cause(field, bevatel, external)).toMatchObject({ name, fix });
  });
});
