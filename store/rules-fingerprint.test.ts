import { expect, it } from 'vitest';
import { zIntegration } from '../schemas/integration.ts';
import { rulesFingerprint } from './rules-fingerprint.ts';

const FILE = {
  integration: 'crm', tenant: 'acme', system: 'hubspot', connection: { tokenEnv: 'TOKEN' }, bevatel: { baseUrl: 'http://127.0.0.1', keyEnv: 'KEY' }, match: [],
  fields: [{ bevatel: 'language', external: 'lang', lens: 'picklist', values: { ar: 'a', en: 'e' } }],
};
const of = (changed: object) => rulesFingerprint(zIntegration.parse({ ...FILE, ...changed }));

it('moves with the rules, and not with addresses, rhythms or the order in which things were stored', () => {
  const plain = of({});
  for (const same of [{ connection: { tokenEnv: 'OTHER' } }, { bevatel: { baseUrl: 'http://127.0.0.2', keyEnv: 'K' } }, { poll: { everyMs: 99 } }, { sweep: { recordsPerHour: 0 } }, { fields: [{ external: 'lang', bevatel: 'language', values: { en: 'e', ar: 'a' }, lens: 'picklist' }] }]) {
    expect(of(same)).toBe(plain);
  }
  const others = [{ direction: 'to_external' }, { invalid: 'skip' }, { conflicts: { policy: 'manual' } }, { fields: [{ ...FILE.fields[0], values: { ar: 'a', en: 'en' } }] }].map(of);
  expect(new Set([plain, ...others]).size).toBe(5);
});
