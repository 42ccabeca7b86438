import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
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
        { bevatel: 'custom.age', external: 'age', lens: 'number', default: 0, empty: 'default' },
        { bevatel: 'custom.vip', external: 'vip', lens: 'boolean', values: { true: 'Yes', false: 'No' }, unknown: { to_bevatel: 'false' } },
        { bevatel: 'custom.born', external: 'date_of_birth', lens: 'date' },
        { bevatel: 'custom.joined', external: 'joined_at', lens: 'datetime', dateOnly: 'bevatel', zone: 'Asia/Riyadh' },
        { bevatel: 'company_name', external: 'company', maxLength: 40, truncate: '…', when: { bevatel: { consent: 'opted_in' }, external: { lifecyclestage: ['customer'] } } },
        { bevatel: 'language', external: 'hs_language', lens: 'picklist', values: { ar: 'Arabic', 'ar-SA': 'Arabic' }, direction: 'to_external' },
        { bevatel: 'custom.segments', external: 'segments', lens: 'set', values: { vip: 'VIP' }, unknown: 'ignore' },
        { lens: 'group', bevatel: 'custom.address', external: ['address', 'city', 'zip'], separator: '، ' },
        { lens: 'group', bevatel: ['custom.a', 'custom.b'], external: ['a', 'b'] },
        { lens: 'template', external: 'summary', template: '{contact_first_name}[ – {company_name}]' },
        { lens: 'template', bevatel: 'owner', template: '{owner_first}-{owner_last}', direction: 'both' },
      ],
      filter: { bevatel: { tags: { contains: 'vip' } }, external: { any: [{ lifecyclestage: { not: 'subscriber' } }, { not: { email: { endsWith: '@test.com', isSet: true } } }] }, outside: 'receives', leaving: 'keep' },
      match: { rules: ['phone_number', 'custom.mobile', { identifier: 'custom.age' }, { identifier: 'company_name' }, 'email'], shared: 'create', names: { threshold: 0.9 } },
      merges: { to_bevatel: 'merge' },
    }))).toEqual([]);
  });
});

describe('the examples in docs/integration-file.md', () => {
  const examples = [...readFileSync(new URL('../docs/integration-file.md', import.meta.url), 'utf8').matchAll(/```yaml\n(.*?)```/gs)].flatMap(([, block = '']) => {
    const data: unknown = parse(block);
    const parts: readonly object[] = Array.isArray(data) ? data.map((entry: unknown) => ({ fields: [entry] })) : [data as object];
    return parts.map((part) => ({ fields: [PHONE, EMAIL], match: [], ...part }));
  });
  it('are there', () => expect(examples.length).toBeGreaterThan(8));
  it.each(examples.map((example) => [JSON.stringify(example), example] as const))('are sound: %s', (_text, example) => expect(faultsOf(file(example))).toEqual([]));
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
      'match[1] line 6: "language" is not mapped by lens phone or email; other values do not tell persons apart; where each of these names one person, write { identifier: language }',
      'fields[0].lens line 8: must be one of text, number, boolean, date, datetime, phone, email, url, picklist, set, full_name, group, template, constant',
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
    ['a way to delete that HubSpot lacks', file({ deletes: { to_external: 'delete' } }), 'deletes.to_external', /hubspot cannot delete a contact; choose archive, unlink, ignore/],
    ['a way to delete that Bevatel lacks', file({ deletes: { to_bevatel: 'archive' } }), 'deletes.to_bevatel', /bevatel cannot archive a contact; choose delete, unlink, ignore/],
    ['a deletion where nothing may be written', file({ direction: 'to_bevatel', deletes: { to_external: 'archive' } }), 'deletes.to_external', /contradicts the direction.*; choose ignore or unlink/],
    ['a setting that deletes lack', file({ deletes: { settle: 1 } }), 'deletes.settle', /known here are to_external, to_bevatel, settleMs, versusEdit, keepDays/],
    ['a nested unknown key', file({ conflicts: { polcy: 'manual' } }), 'conflicts.polcy', /known here are policy, toleranceMs, fallback/],
    ['a secret instead of a variable', file({ bevatel: { ...HEAD.bevatel, keyEnv: 'sk live' } }), 'bevatel.keyEnv', /the NAME of an environment variable/],
    ['a secret that could be a name', file({ bevatel: { ...HEAD.bevatel, keyEnv: 'ABCDEF0123456789ABCDEF' } }), 'bevatel.keyEnv', /looks like a secret/],
    ['a setting for a secret', file({ connection: { ...HEAD.connection, accessToken: 'x' } }), 'connection.accessToken', /secrets never stand in the file/],
    ['credentials in an address', file({ bevatel: { ...HEAD.bevatel, baseUrl: 'http://u:p@127.0.0.1' } }), 'bevatel.baseUrl', /looks like a secret/],
    ['webhooks without the account', file({ connection: { ...HEAD.connection, webhookSecretEnv: 'S' } }), 'connection.account', /is missing; .*portal/],
    ['a doubled match rule', file({ match: ['email', 'email'] }), 'match[1]', /stands twice/],
    ['a doubled rule, once as an identifier', file({ fields: [PHONE, { bevatel: 'custom.id', external: 'id' }], match: { rules: [{ identifier: 'custom.id' }, { identifier: 'custom.id' }] } }), 'match.rules[1]', /stands twice/],
    ['an identifier that is an address', file({ match: [{ identifier: 'email' }] }), 'match[0]', /is mapped by lens email; write email alone/],
    ['an identifier of which many have the same', file({ fields: [PHONE, { bevatel: 'custom.vip', external: 'vip', lens: 'boolean' }], match: [{ identifier: 'custom.vip' }] }), 'match[0]', /cannot identify a person; .*one text or number/],
    ['an identifier of several fields', file({ fields: [PHONE, { lens: 'full_name', bevatel: 'contact_first_name', external: ['a', 'b'] }], match: [{ identifier: 'contact_first_name' }] }), 'match[0]', /cannot identify a person/],
    ['an identifier that is not mapped', file({ match: { rules: [{ identifier: 'custom.national_id' }] } }), 'match.rules[0]', /is not among the mapped/],
    ['a rule that is none', file({ match: [{ field: 'email' }] }), 'match[0]', /must be the name of a field or \{ identifier: … \}/],
    ['a setting of match that is none', file({ match: { rule: ['email'] } }), 'match.rule', /is not a setting; known here are rules, shared, names/],
    ['a threshold beyond all', file({ match: { names: { threshold: 2 } } }), 'match.names.threshold', /<=1/],
    ['a rule of merges that is none', file({ merges: { to_bevatel: 'always' } }), 'merges.to_bevatel', /must be one of hold, merge/],
    ['a rule that is not mapped, by default', file({ fields: [PHONE] }), 'match[1]', /"email" is not among the mapped/],
    ['the reference property mapped', mapping({ bevatel: 'custom.x', external: 'bevatel_contact_id' }), 'fields[2].external', /reference property/],
    ['text over an e-mail', file({ fields: [PHONE, { bevatel: 'email', external: 'email' }], match: ['phone_number'] }), 'fields[1].lens', /use lens: email/],
    ['a picklist over a set', mapping({ bevatel: 'tags', external: 'x', lens: 'picklist', values: { a: 'b' } }), 'fields[2].lens', /does not fit "tags"/],
    ['a picklist without values', mapping({ bevatel: 'language', external: 'x', lens: 'picklist' }), 'fields[2].values', /is missing/],
    ['a picklist two to one', mapping({ bevatel: 'language', external: 'x', lens: 'picklist', values: { ar: 'A', en: 'A' } }), 'fields[2].values.en', /the same value as "ar"; .*one to one/],
    ['a picklist of numbers', mapping({ bevatel: 'language', external: 'x', lens: 'picklist', values: { ar: 1 } }), 'fields[2].values.ar', /put it in quotes/],
    ['a picklist with a value Bevatel lacks', mapping({ bevatel: 'consent', external: 'x', lens: 'picklist', values: { maybe: 'A' } }), 'fields[2].values.maybe', /it has opted_in/],
    ['a picklist with a strange default', mapping({ bevatel: 'language', external: 'x', lens: 'picklist', values: { ar: 'A' }, default: 'A' }), 'fields[2].default', /not among Bevatel's values/],
    ['values without a picklist', mapping({ bevatel: 'language', external: 'x', values: { ar: 'A' } }), 'fields[2].values', /is for lens: picklist, boolean, set only/],
    ['a region without a phone', mapping({ bevatel: 'language', external: 'x', region: 'SA' }), 'fields[2].region', /lens: phone only/],
    ['a region that is none', mapping({ bevatel: 'custom.m', external: 'x', lens: 'phone', region: 'XX' }), 'fields[2].region', /is not a region/],
    ['a default that is missing', mapping({ bevatel: 'language', external: 'x', invalid: 'default' }), 'fields[2].default', /is missing/],
    ['a constant on both sides', mapping({ lens: 'constant', bevatel: 'language', external: 'x', value: 'v' }), 'fields[2]', /exactly one/],
    ['a constant against its direction', mapping({ lens: 'constant', external: 'x', value: 'v', direction: 'to_bevatel' }), 'fields[2].direction', /contradicts/],
    ['an empty constant', mapping({ lens: 'constant', external: 'x', value: ' ' }), 'fields[2].value', /is empty/],
    ['a stranger in the place of values', mapping({ bevatel: 'language', external: 'x', lens: 'number' }), 'fields[2].lens', /number does not fit "language", which is of type text; use lens: text/],
    ['a set over a text field', mapping({ bevatel: 'language', external: 'x', lens: 'set' }), 'fields[2].lens', /does not fit/],
    ['a picklist that cannot come back', mapping({ bevatel: 'language', external: 'x', lens: 'picklist', values: { ar: 'A', en: 'A' }, direction: 'to_bevatel' }), 'fields[2].values.en', /unless the direction is to_external/],
    ['a boolean with other options', mapping({ bevatel: 'custom.b', external: 'x', lens: 'boolean', values: { yes: 'Y' } }), 'fields[2].values.yes', /it has true, false/],
    ['a default that is no number', mapping({ bevatel: 'custom.n', external: 'x', lens: 'number', default: 'many' }), 'fields[2].default', /is not a number/],
    ['a default for empty ones that is missing', mapping({ bevatel: 'language', external: 'x', empty: 'default' }), 'fields[2].default', /an empty one, or choose empty: clear/],
    ['a default that is a list', mapping({ bevatel: 'language', external: 'x', default: ['a'] }), 'fields[2].default', /must be a text, a number, true or false/],
    ['set options with a separator in them', mapping({ bevatel: 'tags', external: 'x', lens: 'set', values: { a: 'b;c' } }), 'fields[2].values.a', /separates the items/],
    ['unknown without values', mapping({ bevatel: 'tags', external: 'x', lens: 'set', unknown: 'keep' }), 'fields[2].unknown', /entries with values only/],
    ['ignore for one option', mapping({ bevatel: 'language', external: 'x', lens: 'picklist', values: { ar: 'A' }, unknown: 'ignore' }), 'fields[2].unknown', /ignore is for sets/],
    ['an unknown rule that is none', mapping({ bevatel: 'language', external: 'x', lens: 'picklist', values: { ar: 'A' }, unknown: 'drop' }), 'fields[2].unknown', /must be invalid, keep, ignore or/],
    ['a stand-in that Bevatel has no option for', mapping({ bevatel: 'consent', external: 'x', lens: 'picklist', values: { opted_in: 'A' }, unknown: { to_bevatel: 'maybe' } }), 'fields[2].unknown.to_bevatel', /it has opted_in/],
    ['a day without its zone', mapping({ bevatel: 'custom.d', external: 'x', lens: 'datetime', dateOnly: 'bevatel' }), 'fields[2].zone', /is missing; name the zone/],
    ['a zone that is none', mapping({ bevatel: 'custom.d', external: 'x', lens: 'datetime', zone: 'Riyadh' }), 'fields[2].zone', /IANA name/],
    ['a zone that is an offset', mapping({ bevatel: 'custom.d', external: 'x', lens: 'datetime', zone: '+03:00' }), 'fields[2].zone', /IANA name/],
    ['a zone for a date', mapping({ bevatel: 'custom.d', external: 'x', lens: 'date', zone: 'Asia/Riyadh' }), 'fields[2].zone', /lens: datetime only/],
    ['likeness of a set', mapping({ bevatel: 'tags', external: 'x', alike: ['case'] }), 'fields[2].alike', /is of type set; only texts/],
    ['likeness of a phone', mapping({ bevatel: 'custom.m', external: 'x', lens: 'phone', alike: ['case'] }), 'fields[2].alike', /lens: text only/],
    ['a likeness that is none', mapping({ bevatel: 'company_name', external: 'x', alike: ['sound'] }), 'fields[2].alike[0]', /must be one of case, blanks/],
    ['truncation to no length', mapping({ bevatel: 'company_name', external: 'x', truncate: '…' }), 'fields[2].maxLength', /is missing; the length of the external field/],
    ['truncation to nothing', mapping({ bevatel: 'company_name', external: 'x', truncate: '...', maxLength: 3 }), 'fields[2].truncate', /shorter than maxLength/],
    ['truncation without a mark', mapping({ bevatel: 'company_name', external: 'x', truncate: ' ', maxLength: 3 }), 'fields[2].truncate', /a mark that can be seen/],
    ['truncation of a web address', mapping({ bevatel: 'crm_url', external: 'x', truncate: '…', maxLength: 30 }), 'fields[2].truncate', /is of type url/],
    ['a length of a number', mapping({ bevatel: 'custom.n', external: 'x', lens: 'number', maxLength: 3 }), 'fields[2].maxLength', /is for lens: text, phone, email, url, picklist only/],
    ['a group of two and three', mapping({ lens: 'group', bevatel: ['custom.a', 'custom.b'], external: ['a', 'b', 'c'] }), 'fields[2]', /as many fields on each side/],
    ['a group of one and one', mapping({ lens: 'group', bevatel: 'custom.a', external: 'a' }), 'fields[2]', /leave lens: group out/],
    ['a group of one in a list', mapping({ lens: 'group', bevatel: ['custom.a'], external: 'a' }), 'fields[2].bevatel', /a list of two or more/],
    ['a group over a set', mapping({ lens: 'group', bevatel: ['custom.a', 'tags'], external: 'a' }), 'fields[2].bevatel', /"tags" is not a text field/],
    ['a separator that separates nothing', mapping({ lens: 'group', bevatel: ['custom.a', 'custom.b'], external: ['a', 'b'], separator: ',' }), 'fields[2].separator', /one text on one side only/],
    ['an empty separator', mapping({ lens: 'group', bevatel: 'custom.a', external: ['a', 'b'], separator: '' }), 'fields[2].separator', /is empty/],
    ['a template with a stray brace', mapping({ lens: 'template', external: 'a', template: '{language' }), 'fields[2].template', /a brace without its partner/],
    ['a template with stray brackets', mapping({ lens: 'template', external: 'a', template: '{language} [x]' }), 'fields[2].template', /brackets without a field/],
    ['a template without a field', mapping({ lens: 'template', external: 'a', template: 'x' }), 'fields[2].template', /for a fixed text use lens: constant/],
    ['a template over no field of Bevatel', mapping({ lens: 'template', external: 'a', template: '{nickname}' }), 'fields[2].template', /Bevatel has no field "nickname"/],
    ['a template on both sides', mapping({ lens: 'template', external: 'a', bevatel: 'language', template: '{email}' }), 'fields[2]', /exactly one/],
    ['a template that cannot be read backwards', mapping({ lens: 'template', external: 'a', template: '{contact_first_name}{contact_last_name}', direction: 'both' }), 'fields[2].direction', /no text between them; leave direction out/],
    ['a template that may begin with what it may lack', mapping({ lens: 'template', external: 'a', template: '[{contact_first_name}, ]{contact_last_name}', direction: 'both' }), 'fields[2].direction', /does not begin with text/],
    ['a template both ways over a field that is mapped', file({ fields: [PHONE, EMAIL, { bevatel: 'owner', external: 'o' }, { lens: 'template', external: 'a', template: '{language}, {owner}', direction: 'both' }] }), 'fields[3].template', /"owner" is mapped twice/],
    ['a template both ways over a phone', file({ fields: [EMAIL, { lens: 'template', external: 'a', template: '{language}, {phone_number}', direction: 'both' }], match: ['email'] }), 'fields[1].template', /"phone_number" is not a text field/],
    ['a template into a date', mapping({ lens: 'template', bevatel: 'consent', template: '{x}' }), 'fields[2].bevatel', /not a text field/],
    ['a template with the name of a group', file({ fields: [PHONE, { ...EMAIL, external: 'work_email' }, { lens: 'template', external: 'email', template: '{language}' }] }), 'fields[2].external', /name of a mapped Bevatel field/],
    ['a constant number in a text field', mapping({ lens: 'constant', bevatel: 'language', value: 5 }), 'fields[2].value', /must be a text; put it in quotes/],
    ['a filter of nothing', file({ filter: { leaving: 'keep' } }), 'filter', /names no condition/],
    ['a filter by an unknown field', file({ filter: { bevatel: { tag: 'vip' } } }), 'filter.bevatel', /Bevatel has no field "tag"/],
    ['a filter that takes a set for a text', file({ filter: { bevatel: { not: { tags: ['vip'] } } } }), 'filter.bevatel', /"tags" is a set; write \{ tags: \{ contains/],
    ['a filter by an option that there is not', file({ filter: { bevatel: { consent: { not: 'yes' } } } }), 'filter.bevatel', /"consent" never is "yes"; it has opted_in/],
    ['a filter with an operator that there is not', file({ filter: { external: { stage: { is: 'customer' } } } }), 'filter.external.stage.is', /is not an operator; known are equals, in/],
    ['a filter with an empty list', file({ filter: { external: { stage: [] } } }), 'filter.external.stage', /must be a list of texts/],
    ['a filter by null', file({ filter: { external: { all: [{ stage: null }] } } }), 'filter.external.all[0].stage', /write \{ isSet: false \}/],
    ['a filter by nothing', file({ filter: { external: {} } }), 'filter.external', /must be a map of field names/],
    ['a filter with any of one', file({ filter: { external: { any: { stage: 'x' } } } }), 'filter.external.any', /must be a list of conditions/],
    ['unlinking who still receives', file({ filter: { bevatel: { language: 'ar' }, outside: 'receives', leaving: 'unlink' } }), 'filter.leaving', /contradicts outside: receives/],
    ['a setting of the filter that there is not', file({ filter: { bevatel: { language: 'ar' }, leave: 'keep' } }), 'filter.leave', /known here are bevatel, external, outside, leaving/],
    ['a condition that is never asked', mapping({ bevatel: 'language', external: 'x', direction: 'to_external', when: { external: { stage: 'x' } } }), 'fields[2].when.external', /is never asked, since nothing goes to Bevatel here; .*use when\.bevatel/],
    ['a condition of nothing', mapping({ bevatel: 'language', external: 'x', when: {} }), 'fields[2].when', /names no condition/],
    ['a condition by an unknown field', mapping({ bevatel: 'language', external: 'x', when: { bevatel: { x: 1 } } }), 'fields[2].when.bevatel', /Bevatel has no field "x"/],
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
    const field = fc.dictionary(fc.constantFrom('lens', 'bevatel', 'external', 'value', 'values', 'default', 'region', 'invalid', 'direction', 'maxLength', 'truncate', 'zone', 'dateOnly', 'unknown', 'empty', 'separator', 'template', 'when'), fc.oneof(fc.jsonValue(), fc.constantFrom('constant', 'full_name', 'group', 'template', 'set', 'datetime', 'boolean', 'picklist', 'phone', 'consent', 'tags', 'SA', 'default', 'both', '{tags}[', '{custom.a}{custom.b}', ['a', 'b'])));
    fc.assert(fc.property(fc.array(field), (fields) => { faultsOf(file({ fields })); }), { numRuns: 120 });
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', '{', '&', '*', '"', '|', '!', '\t') }), (text) => { faultsOf(text); }), { numRuns: 120 });
  });
});
