import { describe, expect, it } from 'vitest';
import { describeRefusal, existingId, isTaken, parseRefusal, refusedCallError, refusedFields, refusedRowError } from './refusal.ts';

describe('refusals', () => {
  it.each([
    ['Contact already exists. Existing ID: 12345', 'CONFLICT', '12345', true],
    ['Cannot set PropertyValueCoordinates{value=x} on 5. 678 already has that value.', 'VALIDATION_ERROR', '678', true],
    ['Contact already exists.', 'CONFLICT', null, true],
    ['Property values were not valid', 'VALIDATION_ERROR', null, false],
  ])('"%s" (%s) names the id %s; taken: %s', (message, category, id, taken) => {
    const refusal = parseRefusal({ message, category });
    expect([existingId(refusal), isTaken(refusal)]).toEqual([id, taken]);
  });

  it('finds the properties in both forms of a validation error', () => {
    const details = { category: 'VALIDATION_ERROR', errors: [{ code: 'INVALID_EMAIL', context: { propertyName: ['email'] } }] };
    expect(refusedFields(parseRefusal(details))).toEqual(['email']);
    const inMessage = { message: 'Property values were not valid: [{"isValid":false,"error":"INVALID_OPTION","name":"hs_lead_status"}]' };
    expect(refusedFields(parseRefusal(inMessage))).toEqual(['hs_lead_status']);
  });

  it('takes any body, also none', () => {
    for (const body of [undefined, null, 'gateway', [], { message: 5, errors: 'x', context: { a: 1 } }]) {
      expect(describeRefusal(parseRefusal(body))).toBe('no category');
    }
  });

  it.each([
    [400, false, 'value_rejected'], [401, false, 'unauthorised'], [403, false, 'missing_scope'], [404, false, 'record_gone'], [409, true, 'unique_taken'],
    [414, false, 'unexpected_answer'], [423, true, 'record_locked'], [429, true, 'rate_limited'], [477, true, 'account_migrating'],
    [500, false, 'system_unavailable'], [500, true, 'write_unanswered'], [524, true, 'write_unanswered'], [418, true, 'unexpected_answer'],
  ])('status %i (write: %s) is %s', (status, isWrite, code) => {
    expect(refusedCallError({ operation: 'x', isWrite, status, refusal: parseRefusal({}), retryAfterMs: undefined }).code).toBe(code);
  });

  it('tells a property or option that is gone from a value that is wrong', () => {
    const row = (...codes: string[]) => refusedRowError('x', parseRefusal({ category: 'VALIDATION_ERROR', errors: codes.map((code) => ({ code })) }), 207).code;
    expect([row('PROPERTY_DOESNT_EXIST'), row('INVALID_OPTION'), row('INVALID_EMAIL'), row('INVALID_EMAIL', 'INVALID_OPTION'), row()]).toEqual(['schema_missing', 'schema_missing', 'value_rejected', 'value_rejected', 'value_rejected']);
    const inMessage = { category: 'VALIDATION_ERROR', message: 'Property values were not valid: [{"isValid":false,"error":"PROPERTY_DOESNT_EXIST","name":"gone"}]' };
    expect(refusedRowError('x', parseRefusal(inMessage), 207).code).toBe('schema_missing');
  });

  it('a row of unknown category counts as perhaps applied', () => {
    expect(refusedRowError('x', parseRefusal({ category: 'INTERNAL_ERROR' }), 207).code).toBe('write_unanswered');
    expect(refusedRowError('x', parseRefusal({ category: 'OBJECT_NOT_FOUND' }), 207).code).toBe('record_gone');
  });
});
