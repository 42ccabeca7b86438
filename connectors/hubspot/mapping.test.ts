import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FieldUse } from '../connector.ts';
import type { HubSpotProperty } from './mapping.ts';
import { usageFaults } from './mapping.ts';
import type { ConnectorOnSandbox } from './sandbox/fixture.ts';
import { connectorOnSandbox, REFERENCE_PROPERTY } from './sandbox/fixture.ts';

const property = (rest: Partial<HubSpotProperty> = {}): HubSpotProperty =>
  ({ name: 'p', type: 'string', fieldType: 'text', options: [], externalOptions: false, hasUniqueValue: false, calculated: false, modificationMetadata: { readOnlyValue: false }, ...rest });
const use = (rest: Partial<FieldUse> = {}): FieldUse => ({ field: 'p', type: 'text', written: true, ...rest });
const stages = property({ type: 'enumeration', fieldType: 'select', options: [{ value: 'lead' }, { value: 'customer' }] });
const segments = property({ ...stages, fieldType: 'checkbox' });

describe('one use of a property', () => {
  it.each([
    ['a text property', use(), property(), []],
    ['an unknown property', use(), undefined, ['unknown_field']],
    ['an unknown property that is only read', use({ written: false }), undefined, ['unknown_field']],
    ['a read-only property that is only read', use({ written: false }), property({ modificationMetadata: { readOnlyValue: true } }), []],
    ['a read-only property', use(), property({ modificationMetadata: { readOnlyValue: true } }), ['read_only']],
    ['a calculated property', use(), property({ calculated: true }), ['read_only']],
    ['text into an enumeration', use(), stages, ['wrong_type']],
    ['a phone into a number', use({ type: 'phone' }), property({ type: 'number' }), ['wrong_type']],
    ['a phone', use({ type: 'phone' }), property({ type: 'phone_number' }), []],
    ['known options', use({ type: 'picklist', values: ['lead'] }), stages, []],
    ['labels in the place of options', use({ type: 'picklist', values: ['lead', 'Customer'] }), stages, ['unknown_option']],
    ['labels that are only read or compared to', use({ type: 'picklist', values: ['Customer'], written: false }), stages, ['unknown_option']],
    ['known options and any others', use({ type: 'picklist', values: ['lead'], open: true }), stages, ['any_value']],
    ['options that are kept elsewhere', use({ type: 'picklist', values: ['17'] }), property({ type: 'enumeration', externalOptions: true }), []],
    ['several options in checkboxes', use({ type: 'set', values: ['lead', 'customer'] }), segments, []],
    ['several options where one is taken', use({ type: 'set', values: ['lead'] }), stages, ['wrong_type']],
    ['any tags in checkboxes', use({ type: 'set' }), segments, ['any_value']],
    ['any tags in a text', use({ type: 'set' }), property(), []],
    ['a boolean among options', use({ type: 'boolean', values: ['true', 'false'] }), stages, ['unknown_option']],
    ['an instant into a date', use({ type: 'datetime' }), property({ type: 'date' }), ['wrong_type']],
  ] as const)('%s', (_name, used, found, codes) => {
    expect(usageFaults(used, found).map(({ code }) => code)).toEqual(codes);
  });
});

describe('checkMapping', () => {
  let at: ConnectorOnSandbox;
  beforeAll(async () => {
    at = await connectorOnSandbox();
  });
  afterAll(async () => at.sandbox.stop());

  it('accepts a sound mapping', async () => {
    const uses = [use({ field: 'firstname' }), use({ field: 'email', type: 'email' }), use({ field: 'hs_lead_status', type: 'picklist', values: ['NEW'] })];
    expect(await at.connector.checkMapping(uses, { creates: false }, at.options)).toEqual([]);
  });

  it('tells all faults at once, each with advice', async () => {
    const uses = [use({ field: 'nosuch' }), use({ field: 'createdate', type: 'datetime' }), use({ field: 'hs_lead_status', type: 'picklist', values: ['new'] })];
    const faults = await at.connector.checkMapping(uses, { creates: false }, at.options);
    expect(faults.map(({ field, code }) => [field, code])).toEqual([['nosuch', 'unknown_field'], ['createdate', 'read_only'], ['hs_lead_status', 'unknown_option']]);
    expect(faults.every(({ advice }) => advice.length > 10)).toBe(true);
  });

  it('wants what HubSpot makes no contact without', async () => {
    const phoneOnly = [use({ field: 'phone', type: 'phone' }), use({ field: 'email', type: 'email', written: false })];
    expect(await at.connector.checkMapping(phoneOnly, { creates: true }, at.options)).toMatchObject([{ field: '*', code: 'required_missing' }]);
    expect(await at.connector.checkMapping(phoneOnly, { creates: false }, at.options)).toEqual([]);
    expect(await at.connector.checkMapping([use({ field: 'lastname' })], { creates: true }, at.options)).toEqual([]);
  });

  it('finds a missing or unsuitable reference property, and missing scopes', async () => {
    at.sandbox.control.archiveProperty(REFERENCE_PROPERTY);
    expect(await at.connector.checkMapping([], { creates: false }, at.options)).toMatchObject([{ field: REFERENCE_PROPERTY, code: 'reference_missing' }]);
    at.sandbox.control.addProperty(REFERENCE_PROPERTY);
    expect(await at.connector.checkMapping([], { creates: false }, at.options)).toMatchObject([{ code: 'reference_unsuitable' }]);
    at.sandbox.control.addFault({ fault: { kind: 'status', status: 403, category: 'MISSING_SCOPES' }, times: 2 });
    const faults = await at.connector.checkMapping([], { creates: false }, at.options);
    expect(faults.map(({ code, message }) => [code, message.split(' ').at(-1)])).toEqual([
      ['missing_scope', 'crm.objects.contacts.read'], ['missing_scope', 'crm.schemas.contacts.read'],
    ]);
  });

  it('does not take a broken connection for a fault of the mapping', async () => {
    at.sandbox.control.addFault({ fault: { kind: 'status', status: 401 }, times: 1 });
    await expect(at.connector.checkMapping([], { creates: false }, at.options)).rejects.toMatchObject({ code: 'unauthorised' });
  });
});
