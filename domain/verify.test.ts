/** What verify finds, as a table: the link's state and the two records in, the worst finding out (I1). */
import { describe, expect, it } from 'vitest';
import type { Image, Value } from '../schemas/value.ts';
import type { Attempt, GroupState, Link, LinkState } from './link.ts';
import { UNKNOWN_TIME } from './link.ts';
import { testContext } from './testing/context.ts';
import type { ContextOptions } from './testing/context.ts';
import { examineOneSided, examinePair } from './verify.ts';

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
    ['being written', ['a', 'b'], { state: { attempts: [attempt] } }, 'in_flight attempt'],
    ['an unresolved attempt explains nothing', ['a', 'b'], { state: { attempts: [{ ...attempt, status: 'unresolved' }] } }, 'differing no_base'],
    ['to be read', ['a', 'b'], { state: { readDue: { external: { at: 1, blocks: true } } } }, 'in_flight attempt'],
    ['an edit in Bevatel was not captured', ['new', 'a'], { seen: ['a', 'a'], group: { base: [['a'], ['a']] } }, 'unseen bevatel'],
    ['an edit outside was not captured', ['a', 'new'], { seen: ['a', 'a'], group: { base: [['a'], ['a']] } }, 'unseen external'],
    ['a rule on an older value explains nothing', ['new', 'b'], { seen: ['a', 'b'], group: { skipped: 'invalid:text' } }, 'unseen bevatel'],
    ['the link is held', ['a', 'b'], { state: { hold: { kind: 'unique_violation', since: 1, detail: 'x' } } }, 'held unique_violation'],
    ['deleted on one side', ['a', 'b'], { state: { gone: { external: { how: 'deleted', at: 1 } } } }, 'held gone:external'],
    ['a deletion that may be explained yet', ['a', 'b'], { state: { gone: { external: { how: 'deleted', at: 1 } }, readDue: { external: { at: 9, blocks: true } } } }, 'in_flight gone:external'],
    ['a deletion that goes over', ['a', 'b'], { state: { gone: { external: { how: 'deleted', at: 1 } }, remove: { side: 'bevatel', way: 'delete' } } }, 'in_flight gone:external'],
    ['a deletion that met an edit', ['a', 'b'], { state: { gone: { external: { how: 'deleted', at: 1 } }, hold: { kind: 'delete_recently_updated', since: 1, detail: 'external', revision: '1' } } }, 'held delete_recently_updated'],
    ['deleted on both sides', ['a', 'b'], { state: { gone: { external: { how: 'deleted', at: 1 }, bevatel: { how: 'deleted', at: 1, ours: true } } } }, 'skipped deleted'],
    ['erased', ['a', 'b'], { link: { erased: true } }, 'skipped erased'],
  ])('%s', (_what, live, given, expected) => {
    expect(worst(live, given)).toBe(expected);
  });

  it('a record that is gone and not known to be', () => {
    const findings = examinePair(linkOf({}, {}, {}), { bevatel: { values: {} }, external: { gone: 'deleted' } }, testContext());
    expect(findings).toEqual([{ kind: 'unseen', group: null, reason: 'external_deleted' }]);
  });
  it('a constant that is missing where it belongs differs, one that stands is equal', () => {
    const context = testContext({ fields: [{ lens: 'constant', external: 'lead_source', value: 'WhatsApp' }] });
    const examine = (value: Value) => examinePair(linkOf({}, {}, { lead_source: value }), { bevatel: { values: {} }, external: { values: { lead_source: value } } }, context)[0]?.kind ?? 'equal';
    expect([examine('WhatsApp'), examine(null)]).toEqual(['equal', 'differing']);
  });
  it('a pair is as bad as its worst field', () => {
    const context = testContext({ fields: [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'owner', external: 'owner' }] });
    const link = linkOf({ group: { skipped: 'direction' } }, { company_name: 'a', owner: 'a' }, { company: 'b', owner: 'b' });
    const findings = examinePair(link, { bevatel: { values: { company_name: 'a', owner: 'a' } }, external: { values: { company: 'b', owner: 'b' } } }, context);
    expect(findings.map(({ kind }) => kind)).toEqual(['differing', 'skipped']);
  });
});

describe('examineOneSided', () => {
  it.each<[string, Given, string]>([
    ['nothing says why', {}, 'unlinked no_partner:external'],
    ['being created', { state: { create: 'external' } }, 'in_flight create'],
    ['creation is off', { creates: { external: false } }, 'skipped create_off:external'],
    ['parted from its partner', { state: { alone: { since: 1, reason: 'unlinked' } } }, 'skipped unlinked'],
    ['a required value is missing', { state: { hold: { kind: 'required_missing', since: 1, detail: 'email' } } }, 'skipped required_missing:email'],
    ['several match', { state: { hold: { kind: 'multi_match', since: 1, candidates: [] } } }, 'held multi_match'],
  ])('%s', (_what, given, expected) => {
    const { kind, reason } = examineOneSided(linkOf({ ...given, link: { externalId: null } }, {}, {}), testContext(given));
    expect(`${kind} ${reason}`).toBe(expected);
  });
});
