import { describe, expect, test } from 'vitest';

import { changeOfRow } from './change-of-row.ts';
import type { CdcRow, RowEvent } from './row-event.ts';

const T1 = new Date('2026-01-01T10:00:00.000Z');
const T2 = new Date('2026-01-01T10:05:00.000Z');

const aRow = (over: Partial<CdcRow> = {}): CdcRow => ({
  tenant_id: 'acme', id: 'c_1', version: '4', contact_first_name: 'ليلى', contact_last_name: null,
  phone_number: '+966500000001', email: null, company_name: null, source_channel: null, crm_url: null, language: null,
  tags: ['vip'], consent: null, owner: 'sam', custom: { tier: 'gold', score: 3 }, external_references: { 'hs-1': '77' },
  updated_at: T1, updated_by: 'user:ali', deleted_at: null, merged_into: null, erased: false, ...over,
});
const event = (over: Partial<RowEvent>): RowEvent => ({
  op: 'update', lsn: '0/1', commitTime: T2.getTime(), observedFrom: 5, observedTo: 6, old: null, new: null, ...over,
});
const change = (over: Partial<RowEvent>, customNames: string[] = []) =>
  changeOfRow(event(over), { newId: () => 'id-1', customNames });

describe('the image', () => {
  test('holds every field in Bevatel\'s names, and the row\'s version as revision', () => {
    const made = change({ op: 'insert', new: aRow() });
    expect(made).toMatchObject({
      changeId: 'id-1', tenantId: 'acme', side: 'bevatel', integrationId: null, recordId: 'c_1', kind: 'image',
      revision: '4', modifiedAt: T1.getTime(), capture: 'cdc', readById: false, references: { 'hs-1': '77' },
      observedFrom: 5, observedTo: 6,
    });
    expect(made?.image).toEqual({
      contact_first_name: 'ليلى', contact_last_name: null, phone_number: '+966500000001', email: null,
      company_name: null, source_channel: null, crm_url: null, language: null, tags: ['vip'], consent: null,
      owner: 'sam', 'custom.tier': 'gold', 'custom.score': 3,
    });
  });

  test('a mapped custom attribute that the row lacks is null, an unmapped one absent', () => {
    expect(change({ op: 'insert', new: aRow({ custom: null }) }, ['tier'])?.image).toMatchObject({ 'custom.tier': null });
    expect(change({ op: 'insert', new: aRow({ custom: null }) })?.image).not.toHaveProperty('custom.tier');
  });

  test('a removed custom attribute is null', () => {
    const made = change({ old: aRow(), new: aRow({ custom: { score: 3 }, updated_at: T2 }) });
    expect(made?.image).toMatchObject({ 'custom.tier': null, 'custom.score': 3 });
    expect(Object.keys(made?.fieldTimes ?? {})).toEqual(['custom.tier']);
  });

  test('a column that Postgres did not send is absent, not null', () => {
    expect(change({ new: aRow({ email: undefined }) })?.image).not.toHaveProperty('email');
  });
});

describe('I5: times of fields', () => {
  test('the fields that changed carry the row\'s time and actor, the others none', () => {
    const made = change({ old: aRow(), new: aRow({ email: 'l@x.co', owner: null, updated_at: T2, updated_by: 'sql' }) });
    const time = { at: T2.getTime(), actor: 'sql' };
    expect(made?.fieldTimes).toEqual({ email: time, owner: time });
  });

  test('an inserted row times the fields that it fills', () => {
    const times = change({ op: 'insert', new: aRow({ custom: {} }) })?.fieldTimes ?? {};
    expect(Object.keys(times)).toEqual(['contact_first_name', 'phone_number', 'tags', 'owner']);
  });

  test.each([
    ['a snapshot', { op: 'snapshot' as const, new: aRow() }],
    ['an update whose row before is unknown', { new: aRow({ updated_at: T2 }) }],
    ['an update that left updated_at as it was', { old: aRow(), new: aRow({ owner: 'x' }) }],
  ])('%s has none: unknown is not guessed', (_, over) => {
    expect(change(over)?.fieldTimes).toEqual({});
  });
});

describe('I9: ends are told apart', () => {
  test('a marked deletion', () => {
    expect(change({ old: aRow(), new: aRow({ version: '5', deleted_at: T2 }) })).toMatchObject({
      kind: 'deleted', revision: '5', image: {}, fieldTimes: {},
    });
  });

  test('a merge names the survivor', () => {
    const made = change({ old: aRow(), new: aRow({ deleted_at: T2, merged_into: 'c_2' }) });
    expect(made).toMatchObject({ kind: 'merged', mergedInto: 'c_2', image: {} });
  });

  test('a removed row is deleted at a revision after its last', () => {
    const made = change({ op: 'delete', old: aRow() });
    expect(made).toMatchObject({ kind: 'deleted', revision: '5', image: {}, modifiedAt: T2.getTime() });
  });

  test('an erasure is told once and carries nothing personal', () => {
    const blank = aRow({ version: '5', contact_first_name: null, phone_number: null, erased: true });
    const told = change({ old: aRow(), new: blank });
    expect(told).toMatchObject({ kind: 'erased', revision: '5', image: {}, references: {} });
    expect(change({ op: 'delete', old: blank })).toBeNull();
  });

  test('a restored contact is an image again', () => {
    expect(change({ old: aRow({ deleted_at: T1 }), new: aRow({ version: '6' }) })).toMatchObject({ kind: 'image', revision: '6' });
  });
});
