/** What verify finds, as a table: the link's state and the two records in, the worst finding out (I1). */
import { describe, expect, it } from 'vitest';
import type { Image, Value } from '../schemas/value.ts';
import type { Attempt, GroupState, Link, LinkState } from './link.ts';
import { UNKNOWN_TIME } from './link.ts';
import { testContext } from './testing/context.ts';
import type { ContextOptions } from './testing/context.ts';
import { examineOneSided, examinePair, strayFinding, withPending } from './verify.ts';
import type { LiveRecord } from './verify.ts';

interface Given extends ContextOptions {
  readonly group?: GroupState;
  readonly state?: Partial<LinkState>;
  readonly link?: Partial<Link>;
  /** What was captured, when it is not what stands there now. */
  readonly seen?: readonly [Value, Value];
}

const NAMES = { group: 'company_name', bevatel: 'company_name', external: 'company' };

function linkOf(given: Given, bevatel: Image, external: Image): Link {
  const seen = (values: Image) => ({ revision: '1', values, times: {}, observedFrom: 1, recordedAt: 1, modifiedAt: null, reference: null });
  return {
    tenantId: 'acme', integrationId: 'crm', linkId: 'l1', bevatelId: 'b1', externalId: 'x1', erased: false,
    state: { seen: { bevatel: seen(bevatel), external: seen(external) }, groups: given.group ? { [NAMES.group]: given.group } : {}, attempts: [], ...given.state },
    ...given.link,
  };
}

function worst(live: readonly [Value, Value], given: Given = {}): string {
  const [b, x] = given.seen ?? live;
  const link = linkOf(given, { company_name: b }, { company: x });
  const [first] = examinePair(link, { bevatel: { values: { company_name: live[0] } }, external: { values: { company: live[1] } } }, testContext(given));
  return first ? `${first.kind} ${first.reason}` : 'equal';
}

const held = (type: 'update_update_same_field' | 'overwritten_in_flight'): GroupState => ({
  held: { type, since: 1, bevatel: ['a'], external: ['b'], bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME },
});
const attempt: Attempt = {
  id: 'a', side: 'external', kind: 'update', groups: { company_name: { sent: ['a'], source: ['a'], before: null, time: UNKNOWN_TIME } },
  reference: null, condition: null, guard: null, sentAt: 1, deadline: 2, status: 'outstanding',
};

describe('examinePair', () => {
  it.each<[string, readonly [Value, Value], Given, string]>([
    ['the same', ['a', 'a'], {}, 'equal'],
    ['the same, written differently', [' a ', 'a'], {}, 'equal'],
    ['both empty', [null, ''], {}, 'equal'],
    ['different without a word', ['a', 'b'], {}, 'differing no_base'],
    ['different from the base without a word', ['a', 'b'], { group: { base: [['o'], ['o']] } }, 'differing no_verdict'],
    ['kept in another form', ['Long name', 'Long'], { group: { base: [['Long name'], ['Long']] } }, 'normalised agreed_base'],
    ['skipped by a rule', ['a', 'b'], { group: { skipped: 'direction' } }, 'skipped direction'],
    ['held', ['a', 'b'], { group: held('update_update_same_field') }, 'held update_update_same_field'],
    ['held although both say the same', ['a', 'a'], { group: held('overwritten_in_flight') }, 'held overwritten_in_flight'],
    ['to be written', ['a', 'b'], { group: { wanted: { side: 'external', values: ['a'] } } }, 'in_flight wanted'],
    ['to be written when it is approved', ['a', 'b'], { group: { wanted: { side: 'external', values: ['a'] }, guarded: 'set' } }, 'held approval'],
    ['to be written when the link is approved', ['a', 'b'], { group: { wanted: { side: 'external', values: ['a'] } }, state: { guarded: 'set' } }, 'held approval'],
    ['being written', ['a', 'b'], { state: { attempts: [attempt] } }, 'in_flight attempt'],
    ['an unresolved attempt explains nothing', ['a', 'b'], { state: { attempts: [{ ...attempt, status: 'unresolved' }] } }, 'differing no_base'],
    ['to be read', ['a', 'b'], { state: { readDue: { external: { at: 1, blocks: true } } } }, 'in_flight attempt'],
    ['an edit in Bevatel was not captured', ['new', 'a'], { seen: ['a', 'a'], group: { base: [['a'], ['a']] } }, 'unseen bevatel'],
    ['an edit outside was not captured', ['a', 'new'], { seen: ['a', 'a'], group: { base: [['a'], ['a']] } }, 'unseen external'],
    ['a rule on an older value explains nothing', ['new', 'b'], { seen: ['a', 'b'], group: { skipped: 'invalid:text' } }, 'unseen bevatel'],
    ['the link is held', ['a', 'b'], { state: { hold: { kind: 'unique_violation', since: 1, detail: 'x' } } }, 'held unique_violation'],
    ['deleted on one side, and there again', ['a', 'b'], { state: { gone: { external: { how: 'deleted', at: 1 } } } }, 'unseen external_back'],
    ['there again, and to be read', ['a', 'b'], { state: { gone: { external: { how: 'deleted', at: 1 } }, readDue: { external: { at: 1, blocks: true } } } }, 'in_flight external_back'],
    ['erased', ['a', 'b'], { link: { erased: true } }, 'skipped erased'],
  ])('%s', (_what, live, given, expected) => {
    expect(worst(live, given)).toBe(expected);
  });

  it('a record that is gone and not known to be', () => {
    const findings = examinePair(linkOf({}, {}, {}), { bevatel: { values: {} }, external: { gone: 'deleted' } }, testContext());
    expect(findings).toEqual([{ kind: 'unseen', group: null, reason: 'external_deleted', side: 'external' }]);
  });
  it.each<[string, Partial<LinkState>, string]>([
    ['waits for what the policy says', { gone: { external: { how: 'deleted', at: 1 } } }, 'held gone:external'],
    ['may be explained yet', { gone: { external: { how: 'deleted', at: 1 } }, readDue: { external: { at: 9, blocks: true } } }, 'in_flight gone:external'],
    ['goes over to the other side', { gone: { external: { how: 'deleted', at: 1 } }, remove: { side: 'bevatel', way: 'delete' } }, 'in_flight gone:external'],
    ['met an edit', { gone: { external: { how: 'deleted', at: 1 } }, hold: { kind: 'delete_recently_updated', since: 1, detail: 'external', revision: '1' } }, 'held delete_recently_updated'],
  ])('I9: a deletion that %s', (_what, state, expected) => {
    const [first] = examinePair(linkOf({ state }, {}, {}), { bevatel: { values: {} }, external: { gone: 'deleted' } }, testContext());
    expect(`${first?.kind} ${first?.reason}`).toBe(expected);
  });
  it('a pair that is deleted on both sides agrees on it', () => {
    const link = linkOf({ state: { gone: { external: { how: 'deleted', at: 1 }, bevatel: { how: 'deleted', at: 1, ours: true } } } }, {}, {});
    expect(examinePair(link, { bevatel: { gone: 'deleted' }, external: { gone: 'deleted' } }, testContext())).toMatchObject([{ kind: 'skipped', reason: 'deleted' }]);
  });
  it('I9: a record that is known to be gone waits for an operator; one that is held is not asked for', () => {
    const examine = (state: Partial<LinkState>) => examinePair(linkOf({ state }, {}, {}), { bevatel: { values: {} }, external: { gone: 'deleted' } }, testContext())[0];
    expect(examine({ gone: { external: { how: 'deleted', at: 1 } } })).toMatchObject({ kind: 'held', reason: 'gone:external' });
    expect(examine({ hold: { kind: 'possible_duplicate', since: 1, candidates: [] } })).toMatchObject({ kind: 'held', reason: 'possible_duplicate' });
    expect(examine({ hold: { kind: 'required_missing', since: 1, detail: 'email' } })).toMatchObject({ kind: 'unseen', reason: 'external_deleted' });
  });
  it.each<[string, readonly [string, string], string, object, string]>([
    ['the border of a name stands where the first given name ends', ['Noura', 'Al Saud'], 'Noura Al Saud', {}, 'equal'],
    ['the border stands elsewhere, which the full name cannot say', ['Noura Al', 'Saud'], 'Noura Al Saud', {}, 'lossy complement'],
    ['only the full name is written, and it says all of it', ['Noura Al', 'Saud'], 'Noura Al Saud', { direction: 'to_external' }, 'equal'],
  ])('lossy by design: %s', (_what, bevatel, external, more, expected) => {
    const context = testContext({ fields: [{ lens: 'full_name', bevatel: ['contact_first_name', 'contact_last_name'], external: 'name', ...more }] });
    const images = [{ contact_first_name: bevatel[0], contact_last_name: bevatel[1] }, { name: external }] as const;
    const [first] = examinePair(linkOf({}, ...images), { bevatel: { values: images[0] }, external: { values: images[1] } }, context);
    expect(first ? `${first.kind} ${first.reason}` : 'equal').toBe(expected);
  });
  it('a constant that is missing where it belongs differs, one that stands is equal', () => {
    const context = testContext({ fields: [{ lens: 'constant', external: 'lead_source', value: 'WhatsApp' }] });
    const examine = (value: Value) => examinePair(linkOf({}, {}, { lead_source: value }), { bevatel: { values: {} }, external: { values: { lead_source: value } } }, context)[0]?.kind ?? 'equal';
    expect([examine('WhatsApp'), examine(null)]).toEqual(['equal', 'differing']);
  });
  it('a field that its system does not show any more is missing in its schema', () => {
    const [first] = examinePair(linkOf({}, { company_name: 'a' }, { company: 'a' }), { bevatel: { values: { company_name: 'a' } }, external: { values: {} } }, testContext());
    expect(first).toMatchObject({ kind: 'held', group: 'company_name', reason: 'schema_missing:external' });
  });
  it('a pair is as bad as its worst field', () => {
    const context = testContext({ fields: [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'owner', external: 'owner' }] });
    const link = linkOf({ group: { skipped: 'direction' } }, { company_name: 'a', owner: 'a' }, { company: 'b', owner: 'b' });
    const findings = examinePair(link, { bevatel: { values: { company_name: 'a', owner: 'a' } }, external: { values: { company: 'b', owner: 'b' } } }, context);
    expect(findings.map(({ kind }) => kind)).toEqual(['differing', 'skipped']);
  });
});

describe('examineOneSided', () => {
  it.each<[string, Given, LiveRecord, string]>([
    ['nothing says why', {}, { values: {} }, 'unlinked no_partner:external'],
    ['being created', { state: { create: 'external' } }, { values: {} }, 'in_flight create'],
    ['to be created when it is approved', { state: { create: 'external', guarded: 'set' } }, { values: {} }, 'held approval'],
    ['creation is off', { creates: { external: false } }, { values: {} }, 'skipped create_off:external'],
    ['a required value is missing', { state: { hold: { kind: 'required_missing', since: 1, detail: 'email' } } }, { values: {} }, 'skipped required_missing:email'],
    ['a required value is missing no longer, which was not captured', { state: { hold: { kind: 'required_missing', since: 1, detail: 'company_name' } } }, { values: { company_name: 'a' } }, 'unseen bevatel'],
    ['parted from its partner', { state: { alone: { since: 1, reason: 'unlinked' } } }, { values: {} }, 'skipped unlinked'],
    ['several match', { state: { hold: { kind: 'multi_match', since: 1, candidates: [] } } }, { values: {} }, 'held multi_match'],
    ['an edit was not captured', { state: { create: 'external' } }, { values: { company_name: 'new' } }, 'unseen bevatel'],
    ['its record vanished', {}, { gone: 'not_found' }, 'unseen bevatel_not_found'],
    ['its record is known to be gone', { state: { gone: { bevatel: { how: 'deleted', at: 1 } } } }, { gone: 'deleted' }, 'held gone:bevatel'],
    ['its record is there again', { state: { gone: { bevatel: { how: 'deleted', at: 1 } } } }, { values: {} }, 'unseen bevatel_back'],
    ['it was never read', { state: { seen: {} } }, { values: {} }, 'in_flight read_due'],
  ])('%s', (_what, given, live, expected) => {
    const [found] = examineOneSided(linkOf({ ...given, link: { externalId: null } }, { company_name: 'o' }, {}), 'values' in live ? { values: { company_name: 'o', ...live.values } } : live, testContext(given));
    expect(`${found?.kind} ${found?.reason}`).toBe(expected);
  });
  it('an erased one is not read', () => {
    expect(examineOneSided(linkOf({ link: { externalId: null, erased: true } }, {}, {}), null, testContext())).toMatchObject([{ kind: 'skipped', reason: 'erased' }]);
  });
});

describe('withPending', () => {
  const unseen = [{ kind: 'unseen', group: 'company_name', reason: 'external', side: 'external' }, { kind: 'skipped', group: 'owner', reason: 'direction', side: null }] as const;
  it.each([
    ['a read that is asked for', { external: { isReadAsked: true, deadLetter: 'value_invalid' } }, ['in_flight read_asked', 'skipped direction']],
    ['I8: an image in quarantine', { external: { isReadAsked: false, deadLetter: 'value_invalid' } }, ['held dead_letter:value_invalid', 'skipped direction']],
    ['nothing', { external: { isReadAsked: false, deadLetter: null } }, ['unseen external', 'skipped direction']],
    ['the other side\'s', { bevatel: { isReadAsked: true, deadLetter: null } }, ['unseen external', 'skipped direction']],
  ])('what is not captured is explained by %s', (_what, pending, expected) => {
    expect(withPending(unseen, pending).map(({ kind, reason }) => `${kind} ${reason}`)).toEqual(expected);
  });
  it('explains a record without a link likewise', () => {
    expect(withPending([strayFinding('bevatel')], { bevatel: { isReadAsked: false, deadLetter: 'value_invalid' } })).toMatchObject([{ kind: 'held', reason: 'dead_letter:value_invalid' }]);
  });
});
