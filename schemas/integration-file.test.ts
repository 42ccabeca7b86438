import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { isSyncError } from './errors.ts';
import { parseIntegrationFile } from './integration-file.ts';

const demo = readFileSync(new URL('../deploy/demo/hubspot.yaml', import.meta.url), 'utf8');
const HEAD = { integration: 'demo', tenant: 'acme', system: 'hubspot', connection: { tokenEnv: 'HUBSPOT_TOKEN' }, bevatel: { baseUrl: 'http://127.0.0.1:4000', keyEnv: 'BEVATEL_KEY' } };
const PHONE = { bevatel: 'phone_number', external: 'phone', lens: 'phone' };
const EMAIL = { bevatel: 'email', external: 'email', lens: 'email' };
const file = (rest: object) => stringify({ ...HEAD, fields: [PHONE, EMAIL], ...rest });

function faultsOf(text: string): readonly { readonly path: string; readonly message: string }[] {
  try {
    parseIntegrationFile(text, 'demo.yaml');
    return [];
  } catch (error) {
    if (!isSyncError(error)) throw error;
    expect(error).toMatchObject({ code: 'configuration_invalid' });
    return error.facts.faults ?? [];
  }
}

describe('a sound integration file', () => {
  it('reads the demo, with defaults for what it leaves out', () => {
    const integration = parseIntegrationFile(demo, 'hubspot.yaml');
    expect(integration).toMatchObject({ integration: 'hubspot-demo', tenant: 'demo', guard: 'read', conflicts: { policy: 'latest_wins', toleranceMs: 2_000, fallback: 'manual' }, create: { external: true, bevatel: true } });
    expect(integration.fields.map((field) => field.lens)).toEqual(['text', 'text', 'phone', 'email', 'text', 'picklist', 'text']);
  });

  it('takes every lens', () => {
    expect(faultsOf(file({
      fields: [
        PHONE, EMAIL,
        { lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: 'name' },
        { lens: 'constant', external: 'lead_source', value: 'Bevatel - WhatsApp' },
        { bevatel: 'consent', external: 'consent', lens: 'picklist', values: { opted_in: 'Yes', opted_out: 'No' }, invalid: 'default', default: 'opted_out' },
        { bevatel: 'tags', external: 'labels' },
        { bevatel: 'crm_url', external: 'contact_url', direction: 'to_bevatel' },
        { bevatel: 'custom.mobile', external: 'mobilephone', lens: 'phone', region: 'SA' },
      ],
      match: ['phone_number', 'custom.mobile', 'email'],
    }))).toEqual([]);
  });
});

describe('a faulty integration file', () => {
  it('tells all faults at once, of shape and of sense, with path, line and advice', () => {
    const text = [
      'integration: Demo',
      'tenant: acme',
      'system: hubspot',
      'connection: { tokenEnv: HUBSPOT_TOKEN, account: 4242, appkey: x }',
      'bevatel: { baseUrl: nowhere }',
      'match: [phone_number, language, emial]',
      'fields:',
      '  - { bevatel: phone_number, external: phone, lens: fone }',
      '  - bevatel: company_name',
      '    external: company',
      '    maxlength: 3',
      '  - { lens: constant, value: x }',
      '  - { bevatel: nickname, external: company }',
      '  - { bevatel: language, external: hs_language }',
    ].join('\n');
    expect(faultsOf(text).map(({ path, message }) => `${path} ${message}`)).toEqual([
      'integration line 1: lower-case letters, digits, - and _, 63 at most',
      'connection.account line 4: must be a string; put it in quotes',
      expect.stringMatching(/^connection\.appkey line 4: is not a setting; known here are baseUrl, tokenEnv, account, /),
      'bevatel.baseUrl line 5: must be an http or https address',
      'bevatel.keyEnv line 5: is missing',
      'match[2] line 6: "emial" is not among the mapped Bevatel fields',
      'match[1] line 6: "language" is not mapped by lens phone or email; other values do not tell persons apart',
      'fields[0].lens line 8: must be one of text, phone, email, picklist, constant, full_name',
      expect.stringMatching(/^fields\[1\]\.maxlength line 11: is not a setting; known here are .*maxLength/),
      'fields[2] line 12: a constant names exactly one of bevatel and external; the side that gets the value',
      'fields[3].bevatel line 13: Bevatel has no field "nickname"',
      'fields[3].external line 13: "company" is mapped twice',
    ]);
  });

  const mapping = (field: object) => file({ fields: [PHONE, EMAIL, field] });
  const at = (path: string, message: RegExp) => [expect.objectContaining({ path, message: expect.stringMatching(message) })];
  it.each<[string, string, string, RegExp]>([
    ['an empty file', '', '', /the file is empty/],
    ['a list', '- a', '', /must be a map/],
    ['no fields', stringify(HEAD), 'fields', /is missing/],
    ['a field that is text', file({ fields: [PHONE, EMAIL, 'x'] }), 'fields[2]', /must be a map of keys and values/],
    ['an unknown system', file({ system: 'hubspott' }), 'system', /must be one of hubspot/],
    ['a nested unknown key', file({ conflicts: { polcy: 'manual' } }), 'conflicts.polcy', /known here are policy, toleranceMs, fallback/],
    ['a secret instead of a variable', file({ bevatel: { ...HEAD.bevatel, keyEnv: 'sk live' } }), 'bevatel.keyEnv', /the NAME of an environment variable/],
    ['a secret that could be a name', file({ bevatel: { ...HEAD.bevatel, keyEnv: 'ABCDEF0123456789ABCDEF' } }), 'bevatel.keyEnv', /looks like a secret/],
    ['a setting for a secret', file({ connection: { ...HEAD.connection, accessToken: 'x' } }), 'connection.accessToken', /secrets never stand in the file/],
    ['credentials in an address', file({ bevatel: { ...HEAD.bevatel, baseUrl: 'http://u:p@127.0.0.1' } }), 'bevatel.baseUrl', /looks like a secret/],
    ['webhooks without the account', file({ connection: { ...HEAD.connection, webhookSecretEnv: 'S' } }), 'connection.account', /is missing; .*portal/],
    ['a doubled match rule', file({ match: ['email', 'email'] }), 'match[1]', /stands twice/],
    ['a rule that is not mapped, by default', file({ fields: [PHONE] }), 'match[1]', /"email" is not among the mapped/],
    ['the reference property mapped', mapping({ bevatel: 'custom.x', external: 'bevatel_contact_id' }), 'fields[2].external', /reference property/],
    ['text over an e-mail', file({ fields: [PHONE, { bevatel: 'email', external: 'email' }], match: ['phone_number'] }), 'fields[1].lens', /use lens: email/],
    ['a picklist over a set', mapping({ bevatel: 'tags', external: 'x', lens: 'picklist', values: { a: 'b' } }), 'fields[2].lens', /does not fit "tags"/],
    ['a picklist without values', mapping({ bevatel: 'language', external: 'x', lens: 'picklist' }), 'fields[2].values', /is missing/],
    ['a picklist two to one', mapping({ bevatel: 'language', external: 'x', lens: 'picklist', values: { ar: 'A', en: 'A' } }), 'fields[2].values.en', /the same value as "ar"; .*one to one/],
    ['a picklist of numbers', mapping({ bevatel: 'language', external: 'x', lens: 'picklist', values: { ar: 1 } }), 'fields[2].values.ar', /put it in quotes/],
    ['a picklist with a value Bevatel lacks', mapping({ bevatel: 'consent', external: 'x', lens: 'picklist', values: { maybe: 'A' } }), 'fields[2].values.maybe', /it has opted_in/],
    ['a picklist with a strange default', mapping({ bevatel: 'language', external: 'x', lens: 'picklist', values: { ar: 'A' }, default: 'A' }), 'fields[2].default', /not among Bevatel's values/],
    ['values without a picklist', mapping({ bevatel: 'language', external: 'x', values: { ar: 'A' } }), 'fields[2].values', /lens: picklist only/],
    ['a region without a phone', mapping({ bevatel: 'language', external: 'x', region: 'SA' }), 'fields[2].region', /lens: phone only/],
    ['a region that is none', mapping({ bevatel: 'custom.m', external: 'x', lens: 'phone', region: 'XX' }), 'fields[2].region', /is not a region/],
    ['a default that is missing', mapping({ bevatel: 'language', external: 'x', invalid: 'default' }), 'fields[2].default', /is missing/],
    ['a constant on both sides', mapping({ lens: 'constant', bevatel: 'language', external: 'x', value: 'v' }), 'fields[2]', /exactly one/],
    ['a constant against its direction', mapping({ lens: 'constant', external: 'x', value: 'v', direction: 'to_bevatel' }), 'fields[2].direction', /contradicts/],
    ['an empty constant', mapping({ lens: 'constant', external: 'x', value: ' ' }), 'fields[2].value', /is empty/],
    ['a constant that Bevatel has no option for', mapping({ lens: 'constant', bevatel: 'consent', value: 'yes' }), 'fields[2].value', /must be one of opted_in/],
    ['a constant with the name of a group', file({ fields: [PHONE, { ...EMAIL, external: 'work_email' }, { lens: 'constant', external: 'email', value: 'x' }] }), 'fields[2].external', /name of a mapped Bevatel field/],
    ['a full name over two and two', mapping({ lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: ['firstname', 'lastname'] }), 'fields[2]', /one field on one side/],
    ['a full name in a set', mapping({ lens: 'full_name', bevatel: 'tags', external: ['firstname', 'lastname'] }), 'fields[2].bevatel', /not a text field/],
    ['a full name of three', mapping({ lens: 'full_name', bevatel: 'contact_first_name', external: ['a', 'b', 'c'] }), 'fields[2].external', /a list of two/],
    ['a union of texts', mapping({ bevatel: 'language', external: 'x', policy: 'union' }), 'fields[2].policy', /sets only/],
    ['a union for everything', file({ conflicts: { policy: 'union' } }), 'conflicts.policy', /must be one of latest_wins/],
    ['what is restrictive, untold', mapping({ bevatel: 'language', external: 'x', policy: 'most_restrictive' }), 'fields[2].restrictive', /list Bevatel's values/],
    ['what is restrictive, under another policy', mapping({ bevatel: 'language', external: 'x', restrictive: ['ar'] }), 'fields[2].restrictive', /most_restrictive only/],
    ['an order of values that are none', mapping({ bevatel: 'consent', external: 'x', restrictive: ['opted_out', 'never'] }), 'fields[2].restrictive[1]', /it has opted_in/],
    ['an order with a double', mapping({ bevatel: 'consent', external: 'x', restrictive: ['opted_out', 'opted_out'] }), 'fields[2].restrictive[1]', /stands twice/],
    ['the most restrictive of two fields', mapping({ lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: 'name', policy: 'most_restrictive' }), 'fields[2].policy', /one field on each side/],
    ['a clock that nobody asks', mapping({ bevatel: 'language', external: 'x', policy: 'manual', toleranceMs: 5 }), 'fields[2].toleranceMs', /asks no clock/],
    ['an empty name', mapping({ bevatel: 'language', external: ' ' }), 'fields[2].external', /name is empty/],
    ['a key that stands twice', `${file({})}tenant: other\n`, '', /^line \d+: Map keys must be unique/],
    ['broken YAML', 'integration: [a', '', /^line 1: /],
    ['two documents', `${file({})}---\na: b\n`, '', /^line \d+: /],
    ['an endless alias', `a: &a [x]\nb: &b [${'*a,'.repeat(120)}]\nc: [${'*b,'.repeat(120)}]`, '', /too many aliases/],
  ])('%s', (_name, text, path, message) => expect(faultsOf(text)).toEqual(at(path, message)));

  it('I11: never repeats what could be a secret', () => {
    const secret = 'pat-na1-01234567-89ab-cdef-0123-456789abcdef';
    const text = file({
      connection: { tokenEnv: secret, account: secret, webhookSecretEnv: secret, token: secret }, bevatel: { baseUrl: `https://u:${secret}@x.de`, keyEnv: secret },
      direction: secret, invalid: secret, guard: secret,
    });
    const told = faultsOf(text);
    expect(told.length).toBeGreaterThan(8);
    expect(JSON.stringify(told)).not.toContain('456789abcdef');
    expect(JSON.stringify(faultsOf(`tokenEnv: "${secret}\nx: [`))).not.toContain('456789abcdef');
  });

  it('whatever stands in it, throws nothing but its faults', () => {
    const sound = { ...HEAD, fields: [PHONE, EMAIL], match: ['email'] };
    const anything = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(sound)));
    const broken = fc.record({ ...Object.fromEntries(Object.keys(sound).map((key) => [key, fc.oneof(fc.constant(sound[key as keyof typeof sound]), anything)])), extra: anything }, { requiredKeys: [] });
    fc.assert(fc.property(broken, (data) => { faultsOf(stringify(data)); }), { numRuns: 120 });
    const field = fc.dictionary(fc.constantFrom('lens', 'bevatel', 'external', 'value', 'values', 'default', 'region', 'invalid', 'direction', 'maxLength'), fc.oneof(fc.jsonValue(), fc.constantFrom('constant', 'full_name', 'picklist', 'phone', 'consent', 'tags', 'SA', 'default', ['a', 'b'])));
    fc.assert(fc.property(fc.array(field), (fields) => { faultsOf(file({ fields })); }), { numRuns: 120 });
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', '{', '&', '*', '"', '|', '!', '\t') }), (text) => { faultsOf(text); }), { numRuns: 120 });
  });
});
