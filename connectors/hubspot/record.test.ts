import { describe, expect, it } from 'vitest';
import { parseAnswer, toProperties, toRecordImage, zRecord } from './record.ts';

const rules = { referenceProperty: 'bevatel_contact_id', appId: '9000' };
const record = (rest: object) => zRecord.parse({ id: '1', updatedAt: '2026-01-01T00:00:00.000Z', properties: {}, ...rest });

describe('records as images', () => {
  it('empty and null are cleared; a property that was not returned is unknown', () => {
    const image = toRecordImage(record({ properties: { a: '', b: null, c: 'x', unasked: 'y' } }), ['a', 'b', 'c', 'd'], rules);
    expect(image.values).toEqual({ a: null, b: null, c: 'x' });
  });

  it('the newest entry of a history gives the field its time, in whatever order they come', () => {
    const entry = (value: string, timestamp: string, sourceType: string, sourceId: string | null) => ({ value, timestamp, sourceType, sourceId });
    const propertiesWithHistory = { a: [
      entry('x', '2026-01-01T00:00:01.000Z', 'API', '9000'), entry('', '2026-01-01T00:00:02.000Z', 'IMPORT', null), entry('y', '2026-01-01T00:00:00.000Z', 'INTEGRATION', '1'),
    ] };
    const image = toRecordImage(record({ propertiesWithHistory }), ['a'], rules);
    const at = Date.parse('2026-01-01T00:00:00.000Z');
    expect(image.fieldTimes).toEqual({ a: { at: at + 2_000, actor: 'IMPORT' } });
    expect(image.histories['a']).toEqual([
      { value: null, at: at + 2_000, actor: 'IMPORT', ours: false },
      { value: 'x', at: at + 1_000, actor: 'API:9000', ours: true },
      { value: 'y', at, actor: 'INTEGRATION:1', ours: false },
    ]);
  });

  it('names the merged-away ids and the reference', () => {
    const image = toRecordImage(record({ properties: { hs_merged_object_ids: '5; 6;', bevatel_contact_id: 'b-1' } }), [], rules);
    expect([image.mergedIds, image.references]).toEqual([['5', '6'], { bevatel: 'b-1' }]);
  });

  it('writes values as HubSpot takes them', () => {
    expect(toProperties({ a: null, b: true, c: 5, d: ['x', 'y'], e: '' })).toEqual({ a: '', b: 'true', c: '5', d: 'x;y', e: '' });
  });

  it('an answer without the documented shape is an error that carries no value', () => {
    expect(() => parseAnswer(zRecord, { id: 5, properties: { email: 'mona@x.test' }, updatedAt: 'never' }, 'x')).toThrow(expect.objectContaining({
      code: 'unexpected_answer', facts: { operation: 'x', faults: [{ path: 'id', message: 'invalid_type' }, { path: 'updatedAt', message: 'custom' }] },
    }));
  });
});
