import { describe, expect, it } from 'vitest';
import type { FieldUse } from '../../connectors/connector.ts';
import { SyncError } from '../../schemas/errors.ts';
import { zIntegration } from '../../schemas/integration.ts';
import { buildMapping } from './mapping.ts';

const integration = (overrides: object) => zIntegration.parse({
  integration: 'demo', tenant: 'acme', system: 'hubspot', connection: { tokenEnv: 'TOKEN' }, bevatel: { baseUrl: 'http://127.0.0.1', keyEnv: 'KEY' }, ...overrides,
});

describe('buildMapping', () => {
  const mapping = buildMapping(integration({
    direction: 'both', conflicts: { policy: 'latest_wins' }, invalid: 'skip',
    fields: [
      { lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: 'name' },
      { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA', required: true, invalid: 'quarantine' },
      { bevatel: 'consent', external: 'consent__c', lens: 'picklist', values: { opted_in: 'Yes', unknown: 'Maybe' }, invalid: 'default', default: 'unknown' },
      { bevatel: 'crm_url', external: 'contact_url', direction: 'to_bevatel', policy: 'external_wins' },
      { lens: 'constant', external: 'lead_source', value: 'Bevatel - WhatsApp' },
      { lens: 'constant', bevatel: 'source_channel', value: 'HubSpot', policy: 'manual' },
    ],
    match: ['phone_number'],
  }));

  it('resolves each setting of a field against the integration', () => {
    const settings = mapping.lenses.map(({ lens, type, direction, conflicts, invalid, required, defaultValue }) => [lens.name, type, direction, conflicts.policy, invalid, required, defaultValue]);
    expect(settings).toEqual([
      ['contact_first_name+contact_last_name', 'text', 'both', 'latest_wins', 'skip', false, null],
      ['phone_number', 'phone', 'both', 'latest_wins', 'quarantine', true, null],
      ['consent', 'picklist', 'both', 'most_restrictive', 'default', false, 'unknown'],
      ['crm_url', 'url', 'to_bevatel', 'external_wins', 'skip', false, null],
      ['lead_source', 'picklist', 'to_external', 'external_wins', 'skip', false, null],
      ['source_channel', 'text', 'to_bevatel', 'manual', 'skip', false, null],
    ]);
    expect(mapping.byName.get('phone_number')).toBe(mapping.lenses[1]);
  });

  it('lists the fields of each side', () => {
    expect(mapping.fields).toEqual({
      bevatel: ['contact_first_name', 'contact_last_name', 'phone_number', 'consent', 'crm_url', 'source_channel'],
      external: ['name', 'phone', 'consent__c', 'contact_url', 'lead_source'],
    });
  });

  it('tells the connector how each field is used', () => {
    const uses: readonly FieldUse[] = mapping.uses('external');
    expect(uses).toEqual([
      { field: 'name', type: 'text', written: true },
      { field: 'phone', type: 'phone', written: true },
      { field: 'consent__c', type: 'picklist', written: true, values: ['Yes', 'Maybe'] },
      { field: 'contact_url', type: 'url', written: false },
      { field: 'lead_source', type: 'picklist', written: true, values: ['Bevatel - WhatsApp'] },
    ]);
    expect(mapping.uses('bevatel').filter((use) => !use.written).map((use) => use.field)).toEqual([]);
  });

  it('refuses what only an unchecked integration can hold', () => {
    const twoFull = integration({ match: [], fields: [{ lens: 'full_name', bevatel: 'contact_first_name', external: 'name' }] });
    expect(() => buildMapping(twoFull)).toThrow(SyncError);
    const sameName = integration({ match: [], fields: [{ bevatel: 'email', external: 'work_email', lens: 'email' }, { lens: 'constant', external: 'email', value: 'x' }] });
    expect(() => buildMapping(sameName)).toThrow(/same name/);
  });
});
