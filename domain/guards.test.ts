/** Which planned work is risky, what a guard keeps back, and what a rejected change-set leaves (I9). */
import { describe, expect, it } from 'vitest';
import type { Lane, Value } from '../schemas/value.ts';
import { decideLink } from './decide-link.ts';
import { dueOf } from './due.ts';
import { eraseForOperator } from './erase.ts';
import { repoint } from './gone.ts';
import { rejectGuarded, risksOf, withGuarded, withoutGuarded } from './guards.ts';
import { EMPTY_STATE } from './link.ts';
import type { Link } from './link.ts';
import { planWork } from './plan-work.ts';
import { BOTH_DELETE, deleted } from './testing/deletions.ts';
import { NEW_LINK, Story } from './testing/story.ts';

const TWO = [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'custom.city', external: 'city' }];
const print = (content: unknown): string => JSON.stringify(content);

/** Agreed at o and Riyadh; then Bevatel shows these. */
function edited(company: Value, city: Value = 'Riyadh'): Story {
  const story = new Story({ fields: TWO });
  story.shows('bevatel', { company_name: 'o', 'custom.city': 'Riyadh' }, { revision: '10' });
  story.shows('external', { company: 'o', city: 'Riyadh' }, { revision: '10' });
  story.shows('bevatel', { company_name: company, 'custom.city': city }, { revision: '11' });
  return story;
}

function risks(link: Link, story: Story, lane: Lane = 'live'): string[] {
  return risksOf(link, planWork(link, story.context, story.now, 'a'), lane, story.context, print).map(({ kind, key, group }) => `${kind} ${key} ${group ?? '*'}`);
}

describe('risksOf', () => {
  it.each<[string, Value, Value, string[]]>([
    ['a value that is cleared', null, 'Riyadh', ['blanking external/company_name company_name']],
    ['a value over another', 'b', 'Riyadh', ['same_value external/company_name/["b"] company_name']],
    ['both', '', 'Jeddah', ['blanking external/company_name company_name', 'same_value external/custom.city/["Jeddah"] custom.city']],
  ])('%s', (_given, company, city, then) => {
    const story = edited(company, city);
    expect(risks(story.link, story)).toEqual(then);
  });

  it('what fills an empty field is none', () => {
    const story = new Story({});
    story.shows('bevatel', 'b', { revision: '10' });
    story.shows('external', null, { revision: '10' });
    expect(story.wanted()).toBe('external:b');
    expect(risks(story.link, story)).toEqual([]);
  });

  it('a creation is one, but for the first listings', () => {
    const story = new Story({}, { ...NEW_LINK, externalId: null, state: EMPTY_STATE });
    story.shows('bevatel', 'b', { revision: '10', reference: null });
    expect(risks(story.link, story)).toEqual(['create external *']);
    expect(risks(story.link, story, 'backfill')).toEqual([]);
  });

  it('whatever is written after a merge is one risk, until the pair has come to rest', () => {
    const story = new Story({}).agreed();
    story.link = decideLink(repoint(story.link, 'external', 'X2', story.now), story.context, story.now).link;
    story.reads('external', 'x', { revision: '20' });
    expect(story.wanted()).toBe('bevatel:x');
    expect(risks(story.link, story)).toEqual(['merge bevatel *']);
    story.applied(story.pass(10).sends('bevatel'), 'x', { revision: '12' });
    expect(story.link.state.merged).toBeUndefined();
  });
});

describe('a removal', () => {
  const guarded = (): Story => {
    const story = deleted('external', BOTH_DELETE);
    story.link = withGuarded(story.link, risksOf(story.link, planWork(story.link, story.context, story.now, 'a'), 'live', story.context, print), 'set-1');
    return story;
  };

  it('is a risk, in every lane, but never for privacy', () => {
    const story = deleted('external', BOTH_DELETE);
    for (const lane of ['live', 'backfill'] as const) expect(risks(story.link, story, lane)).toEqual(['delete bevatel *']);
    expect(risks(eraseForOperator(story.link, 'e', ['bevatel']), story)).toEqual([]);
  });

  it('waits for its approval, also when the link is decided again meanwhile', () => {
    const story = guarded();
    story.shows('bevatel', 'o', { revision: '10' });
    expect([planWork(story.decides().link, story.context, story.now, 'a').kind, dueOf(story.link, story.now)]).toEqual(['none', null]);
    story.link = withoutGuarded(story.link, 'set-1');
    expect(story.sends('bevatel').kind).toBe('remove');
  });

  it('is wanted no more when the record is back, and then nothing waits', () => {
    const story = guarded();
    story.reads('external', 'x', { revision: '12' });
    expect([story.link.state.guarded, story.wanted()]).toEqual([undefined, 'bevatel:x']);
  });

  it('I9: that is rejected leaves the record, and the deletion is ignored from then on', () => {
    const story = guarded();
    const rejected = rejectGuarded(story.link, 'set-1', story.context, story.now);
    expect(rejected.groups).toEqual([{ group: '*', verdict: 'skipped', rule: 'change_set_rejected' }]);
    story.link = rejected.link;
    expect(planWork(story.decides().link, story.context, story.now, 'a').kind).toBe('none');
    expect(story.link.state.gone?.external).toMatchObject({ ignored: true });
  });
});

describe('a guard', () => {
  it('keeps its group back, and no other', () => {
    const story = edited(null, 'Jeddah');
    const [risk] = risksOf(story.link, planWork(story.link, story.context, story.now, 'a'), 'live', story.context, print);
    story.link = withGuarded(story.link, risk ? [risk] : [], 'set-1');
    expect(Object.keys(story.sends('external').groups)).toEqual(['custom.city']);
  });

  it('makes a link due again when its mark is taken away, and with the next edit', () => {
    const story = edited(null);
    const guarded = withGuarded(story.link, risksOf(story.link, planWork(story.link, story.context, story.now, 'a'), 'live', story.context, print), 'set-1');
    expect(dueOf(guarded, story.now)).toBeNull();
    expect(planWork(guarded, story.context, story.now, 'a').kind).toBe('none');
    expect(dueOf(withoutGuarded(guarded, 'another'), story.now)).toBeNull();
    expect(withoutGuarded(guarded, 'set-1')).toEqual(story.link);
    story.link = guarded;
    story.shows('bevatel', { company_name: 'c', 'custom.city': 'Riyadh' }, { revision: '12' });
    expect(dueOf(story.link, story.now)).toMatchObject({ kind: 'write' });
  });

  it('keeps a creation back as a whole', () => {
    const story = new Story({}, { ...NEW_LINK, externalId: null, state: EMPTY_STATE });
    story.shows('bevatel', 'b', { revision: '10', reference: null });
    const guarded = withGuarded(story.link, risksOf(story.link, planWork(story.link, story.context, story.now, 'a'), 'live', story.context, print), 'set-1');
    expect([dueOf(guarded, story.now), planWork(guarded, story.context, story.now, 'a').kind]).toEqual([null, 'none']);
  });
});

describe('a rejected change-set', () => {
  it('I2: leaves both sides as they are, with a verdict, and lets a later edit go its way', () => {
    const story = edited(null);
    const guarded = withGuarded(story.link, risksOf(story.link, planWork(story.link, story.context, story.now, 'a'), 'live', story.context, print), 'set-1');
    const rejected = rejectGuarded(guarded, 'set-1', story.context, story.now);
    expect(rejected.groups).toEqual([{ group: 'company_name', verdict: 'skipped', rule: 'change_set_rejected', bevatel: [null], external: ['o'], base: [['o'], ['o']] }]);
    story.link = decideLink(rejected.link, story.context, story.now).link;
    expect([story.wanted(), dueOf(story.link, story.now)]).toEqual([null, null]);
    story.shows('external', { company: 'later', city: 'Riyadh' }, { revision: '11' });
    expect(story.wanted()).toBe('bevatel:later');
  });

  it('holds the link whose creation was rejected', () => {
    const story = new Story({}, { ...NEW_LINK, externalId: null, state: EMPTY_STATE });
    story.shows('bevatel', 'b', { revision: '10', reference: null });
    const guarded = withGuarded(story.link, risksOf(story.link, planWork(story.link, story.context, story.now, 'a'), 'live', story.context, print), 'set-1');
    const { link } = rejectGuarded(guarded, 'set-1', story.context, story.now);
    expect(link.state).toMatchObject({ hold: { kind: 'rejected', detail: 'change_set_rejected' } });
    expect([link.state.create, link.state.guarded, dueOf(link, story.now)]).toEqual([undefined, undefined, null]);
  });
});
