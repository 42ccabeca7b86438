/** A whole link: missing partners, references, absence, what waits, and when the link is due for what. */
import { describe, expect, it } from 'vitest';
import { applyChange } from './apply-change.ts';
import { NO_OWN_TIMES } from './context.ts';
import { decideLink } from './decide-link.ts';
import { CLOSING_MARGIN_MS, dueOf, heldCount } from './due.ts';
import { EMPTY_STATE } from './link.ts';
import type { LinkHold } from './link.ts';
import { planWork } from './plan-work.ts';
import { testContext } from './testing/context.ts';
import { NEW_LINK, START, Story } from './testing/story.ts';
import type { ContactChange } from '../schemas/change.ts';

const NAME_AND_EMAIL = [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'email', external: 'email', lens: 'email', required: true }];
const ONE_SIDED = { ...NEW_LINK, externalId: null, state: EMPTY_STATE };

const change = (more: Partial<ContactChange>): ContactChange => ({
  changeId: 'c1', tenantId: 'acme', side: 'external', integrationId: 'crm', recordId: 'X1', kind: 'image', revision: '12',
  image: { company: 'x' }, fieldTimes: {}, histories: {}, modifiedAt: null, observedFrom: START, observedTo: START,
  readById: false, capture: 'read', references: { bevatel: 'B1' }, mergedIds: [], mergedInto: null, ...more,
});

describe('a link without a partner', () => {
  it('wants it created', () => {
    const story = new Story({}, ONE_SIDED);
    expect(story.shows('bevatel', 'b', { revision: '10', reference: null })).toMatchObject({ verdict: 'created', groups: [] });
    expect(story.link.state.create).toBe('external');
    expect(dueOf(story.link, story.now)).toEqual({ at: story.now, kind: 'create' });
  });

  it('waits where creation is off', () => {
    const story = new Story({ creates: { external: false } }, ONE_SIDED);
    expect(story.shows('bevatel', 'b', { revision: '10', reference: null }).verdict).toBe('awaiting_partner');
    expect(dueOf(story.link, story.now)).toBeNull();
  });

  it.each([['empty', null], ['invalid', 'not an address'], ['blank', '  ']])('is held while a required value is %s, and goes on with the next image', (_how, email) => {
    const story = new Story({ fields: NAME_AND_EMAIL }, ONE_SIDED);
    expect(story.shows('bevatel', { company_name: 'b', email }, { revision: '10', reference: null }).verdict).toBe('skipped');
    expect(story.link.state).toMatchObject({ hold: { kind: 'required_missing', detail: 'email' } });
    expect(dueOf(story.link, story.now)).toBeNull();
    expect(heldCount(story.link)).toBe(1);
    expect(story.shows('bevatel', { company_name: 'b', email: 'a@b.de' }, { revision: '11', reference: null }).verdict).toBe('created');
    expect(story.link.state.hold).toBeUndefined();
  });

  it('carries into the create what the direction lets through', () => {
    const story = new Story({ fields: [...NAME_AND_EMAIL, { bevatel: 'language', external: 'lang', direction: 'to_bevatel' }] }, ONE_SIDED);
    story.shows('bevatel', { company_name: null, email: 'A@b.de', language: 'ar' }, { revision: '10', reference: null });
    expect(planWork(story.link, story.context, story.now, 'a1')).toMatchObject({ kind: 'create', side: 'external', op: { values: { email: 'a@b.de' }, reference: 'B1' } });
  });
});

describe('references', () => {
  it('are stored on the side that lacks its partner\'s id, with what else is wanted there', () => {
    const story = new Story();
    story.shows('bevatel', 'b', { revision: '10' });
    story.shows('external', null, { revision: '10', reference: null });
    expect(story.link.state.referenceDue).toEqual(['external']);
    const write = story.sends('external');
    expect(write).toMatchObject({ reference: 'B1', groups: { company_name: { sent: ['b'] } } });
    expect(story.shows('bevatel', 'b', { revision: '11' }).verdict).toBe('in_flight');
    expect(story.link.state.referenceDue).toBeUndefined();
    story.applied(write, 'b', { revision: '11' });
    expect(story.link.state.referenceDue).toBeUndefined();
    expect(dueOf(story.link, story.now)).toBeNull();
  });

  it('a write of the reference alone is proven by the reference', () => {
    const story = new Story();
    story.shows('bevatel', 'b', { revision: '10' });
    story.shows('external', 'b', { revision: '10', reference: null });
    const write = story.sends('external');
    expect(write.groups).toEqual({});
    story.loses(write).reads('external', 'b', { revision: '11' });
    expect(story.link.state.attempts).toEqual([]);
    expect(dueOf(story.link, story.now)).toBeNull();
  });
});

describe('absence', () => {
  it('a deletion ends what is wanted and keeps the facts', () => {
    const story = new Story().agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const applied = applyChange(story.link, change({ kind: 'deleted' }), story.context, NO_OWN_TIMES, story.now);
    expect(applied).toMatchObject({ verdict: 'gone', link: { erased: false, state: { gone: { external: { how: 'deleted' } } } } });
    expect(applied.link.state.groups.company_name).toMatchObject({ base: [['o'], ['o']] });
    expect(applied.link.state.groups.company_name?.wanted).toBeUndefined();
    expect(dueOf(applied.link, story.now)?.at).toBe(story.now + story.context.deletes.settleMs);
  });

  it('I9: after a privacy deletion nothing is kept, nothing comes back, nothing is due', () => {
    const story = new Story().agreed();
    let { link } = applyChange(story.link, change({ kind: 'erased' }), story.context, NO_OWN_TIMES, story.now);
    expect(link).toMatchObject({ erased: true, state: { seen: {}, groups: {}, attempts: [] } });
    for (const later of [change({ revision: '20' }), change({ kind: 'deleted' }), change({ kind: 'merged', mergedInto: 'X9' }), change({ side: 'bevatel', recordId: 'B1', integrationId: null, image: { company_name: 'b' } })]) {
      ({ link } = applyChange(link, later, story.context, NO_OWN_TIMES, story.now));
    }
    expect(JSON.stringify(link.state)).not.toMatch(/"company|"b"|"x"/);
    expect(link.externalId).toBe('X1');
    expect(dueOf(link, story.now)).toBeNull();
    expect(decideLink(link, story.context, story.now).link).toEqual(link);
  });

  it('a merge re-points the link and has the survivor read before anything is decided', () => {
    const story = new Story().agreed();
    const applied = applyChange(story.link, change({ kind: 'merged', mergedInto: 'X9' }), story.context, NO_OWN_TIMES, story.now);
    expect(applied.link).toMatchObject({ externalId: 'X9', state: { readDue: { external: { blocks: true } } } });
    expect(planWork(applied.link, story.context, story.now, 'a1')).toEqual({ kind: 'read', side: 'external', id: 'X9' });
  });
});

describe('a hold on the whole link', () => {
  it.each<LinkHold['kind']>(['multi_match', 'possible_duplicate', 'unique_violation', 'rejected'])('%s: nothing is wanted until an operator speaks', (kind) => {
    const story = new Story().agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const hold = { kind, since: START, candidates: [], detail: 'x' } as LinkHold;
    const { link } = decideLink({ ...story.link, state: { ...story.link.state, hold } }, story.context, story.now);
    expect(link.state.groups.company_name?.wanted).toBeUndefined();
    expect(link.state.hold).toEqual(hold);
    expect(dueOf(link, story.now)).toBeNull();
  });
});

describe('groups are decided apart', () => {
  it('one in conflict does not keep the others', () => {
    const story = new Story({ fields: NAME_AND_EMAIL, policy: 'manual' });
    story.shows('bevatel', { company_name: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('external', { company: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('bevatel', { company_name: 'b', email: 'new@b.de' }, { revision: '11' });
    story.shows('external', { company: 'x', email: 'a@b.de' }, { revision: '11' });
    expect(story.group().held).toBeDefined();
    expect(story.wanted('email')).toBe('external:new@b.de');
  });

  it('I2: edits of different groups on both sides each go their way, and it is said that they met', () => {
    const story = new Story({ fields: NAME_AND_EMAIL });
    story.shows('bevatel', { company_name: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('external', { company: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('bevatel', { company_name: 'b', email: 'a@b.de' }, { revision: '11' });
    expect(story.conflicts()).toEqual([]);
    story.shows('external', { company: 'o', email: 'new@b.de' }, { revision: '11' });
    expect([story.wanted(), story.wanted('email')]).toEqual(['external:b', 'bevatel:new@b.de']);
    expect(story.verdicts.at(-1)).toMatchObject({ group: 'email', verdict: 'propagate', conflict: 'update_update_disjoint' });
  });

  it('one in flight does not keep the others, but no second write goes out', () => {
    const story = new Story({ fields: NAME_AND_EMAIL });
    story.shows('bevatel', { company_name: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('external', { company: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('bevatel', { company_name: 'b', email: 'a@b.de' }, { revision: '11' });
    const write = story.sends('external');
    story.shows('bevatel', { company_name: 'c', email: 'new@b.de' }, { revision: '12' });
    expect(story.wanted('email')).toBe('external:new@b.de');
    expect(planWork(story.link, story.context, story.now, 'a2').kind).toBe('none');
    story.applied(write, { company: 'b', email: 'a@b.de' }, { revision: '11' });
    expect(story.sends('external').groups).toMatchObject({ company_name: { sent: ['c'] }, email: { sent: ['new@b.de'] } });
  });

  it('what a system does not show of a group is unknown, not empty', () => {
    const story = new Story({ fields: NAME_AND_EMAIL });
    story.shows('bevatel', { company_name: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('external', { company: 'o' }, { revision: '10' });
    expect(story.wanted('email')).toBeNull();
  });
});

describe('dueOf', () => {
  it('an unanswered write is due when the read that closes it may begin, whatever else waits', () => {
    const story = new Story().agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external');
    story.shows('bevatel', 'c', { revision: '12' });
    expect(dueOf(story.link, story.now)).toEqual({ at: write.deadline + CLOSING_MARGIN_MS, kind: 'write' });
    expect(planWork(story.link, story.context, write.deadline, 'a2').kind).toBe('none');
    expect(planWork(story.link, story.context, write.deadline + CLOSING_MARGIN_MS, 'a2')).toMatchObject({ kind: 'read', side: 'external' });
  });

  it('nothing is due where sides differ without anything wanted', () => {
    const story = new Story({ direction: 'to_external' }).agreed();
    story.shows('external', 'x', { revision: '11' });
    expect(dueOf(story.link, story.now)).toBeNull();
  });

  it('a held group is not due, and is counted', () => {
    const story = new Story({ policy: 'manual' }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    story.shows('external', 'x', { revision: '11' });
    expect(dueOf(story.link, story.now)).toBeNull();
    expect(heldCount(story.link)).toBe(1);
  });

  it('a link that was never seen wants nothing', () => {
    expect(decideLink(NEW_LINK, testContext(), START)).toMatchObject({ groups: [], verdict: null });
    expect(dueOf(NEW_LINK, START)).toBeNull();
  });
});
