/** Filters: what a condition says of an image, and what becomes of records and fields that are outside. */
import { describe, expect, it } from 'vitest';
import { readCondition } from '../schemas/condition.ts';
import type { Image } from '../schemas/value.ts';
import { dueOf } from './due.ts';
import { filteredNow, holds } from './filter.ts';
import { EMPTY_STATE } from './link.ts';
import { planWork } from './plan-work.ts';
import { testContext } from './testing/context.ts';
import { NEW_LINK, Story } from './testing/story.ts';
import { examineOneSided, examinePair } from './verify.ts';

const FIELDS = [
  { bevatel: 'company_name', external: 'company' },
  { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' },
  { bevatel: 'tags', external: 'segments' },
  { bevatel: 'custom.level', external: 'level', lens: 'number' },
];

describe('a condition on a record', () => {
  const { mapping } = testContext({ fields: FIELDS });
  const told = (condition: unknown, image: Image): boolean | null => holds(readCondition(condition).condition, 'external', image, mapping);
  it.each<[string, unknown, Image, boolean | null]>([
    ['equals', { stage: 'customer' }, { stage: ' customer ' }, true],
    ['is not another case', { stage: 'customer' }, { stage: 'Customer' }, false],
    ['equals, at length', { stage: { equals: 'customer' } }, { stage: 'lead' }, false],
    ['a boolean as systems write it', { active: true }, { active: 'true' }, true],
    ['a number in another writing, by its lens', { level: 5 }, { level: '5.0' }, true],
    ['one of several', { stage: ['lead', 'customer'] }, { stage: 'customer' }, true],
    ['none of them', { stage: { not: { in: ['lead', 'customer'] } } }, { stage: 'other' }, true],
    ['set', { phone: { isSet: true } }, { phone: '050 123 4567' }, true],
    ['blank is not set', { stage: { isSet: true } }, { stage: '  ' }, false],
    ['nothing is not set', { stage: { isSet: false } }, { stage: null }, true],
    ['nothing equals nothing that is named', { stage: 'customer' }, { stage: null }, false],
    ['a list has an item', { segments: { contains: 'vip' } }, { segments: 'a;vip' }, true],
    ['a part of an item is none', { segments: { contains: 'vip' } }, { segments: 'svip' }, false],
    ['an empty list has none', { segments: { contains: 'vip' } }, { segments: [] }, false],
    ['a list without a lens', { other: { contains: 'b' } }, { other: ['a', 'b'] }, true],
    ['begins, in the form of its lens', { phone: { startsWith: '+966' } }, { phone: '050 123 4567' }, true],
    ['an invalid value as it is written', { phone: { startsWith: '12' } }, { phone: '12' }, true],
    ['ends', { email: { endsWith: '@bevatel.com' } }, { email: 'a@bevatel.com.sa' }, false],
    ['several tests of one field', { email: { isSet: true, not: { endsWith: '@test.com' } } }, { email: 'a@b.de' }, true],
    ['several fields together', { stage: 'customer', level: 5 }, { stage: 'customer', level: 4 }, false],
    ['any', { any: [{ stage: 'customer' }, { level: 5 }] }, { stage: 'lead', level: 5 }, true],
    ['all', { all: [{ stage: 'lead' }, { not: { level: 5 } }] }, { stage: 'lead', level: 5 }, false],
    ['unknown', { stage: 'customer' }, {}, null],
    ['unknown, and it decides', { stage: 'customer', level: 5 }, { level: 5 }, null],
    ['unknown, and another decides', { stage: 'customer', level: 5 }, { level: 4 }, false],
    ['unknown, and one of them is enough', { any: [{ stage: 'customer' }, { level: 5 }] }, { level: 5 }, true],
    ['not of unknown', { not: { stage: 'customer' } }, {}, null],
  ])('%s', (_what, condition, image, expected) => expect(told(condition, image)).toBe(expected));
});

const VIP = { bevatel: { tags: { contains: 'vip' } } };
const inside = (name: string | null): Image => ({ company_name: name, tags: ['vip'] });
const outside = (name: string | null): Image => ({ company_name: name, tags: [] });
const TAGGED = [FIELDS[0] as object, { bevatel: 'tags', external: 'segments', direction: 'to_external' }];
const ONE_SIDED = { ...NEW_LINK, externalId: null, state: EMPTY_STATE };

/** A pair that takes part and agrees on `o`. */
function pair(filter: object): Story {
  const story = new Story({ fields: TAGGED, filter });
  story.shows('bevatel', inside('o'), { revision: '10' });
  story.shows('external', { company: 'o', segments: 'vip' }, { revision: '10' });
  story.pass(10);
  return story;
}

describe('a record without a partner', () => {
  it('outside it never causes a creation, and says why; inside it does', () => {
    const story = new Story({ fields: TAGGED, filter: VIP }, ONE_SIDED);
    expect(story.shows('bevatel', outside('b'), { revision: '10', reference: null })).toMatchObject({ verdict: 'skipped', groups: [{ group: '*', verdict: 'skipped', rule: 'filtered:bevatel' }] });
    expect(dueOf(story.link, story.now)).toBeNull();
    expect(examineOneSided(story.link, { values: outside('b') }, story.context)).toMatchObject([{ kind: 'skipped', group: null, reason: 'filtered:bevatel' }]);
    expect(filteredNow(story.link.state, story.context.mapping)).toBe('filtered:bevatel');
    expect(story.shows('bevatel', inside('b'), { revision: '11', reference: null }).verdict).toBe('created');
    expect(filteredNow(story.link.state, story.context.mapping)).toBeNull();
    expect(story.shows('bevatel', outside('b'), { revision: '12', reference: null }).verdict).toBe('skipped');
    expect(story.link.state.create).toBeUndefined();
  });

  it('of which is not seen what the filter asks, it waits', () => {
    const story = new Story({ fields: TAGGED, filter: { external: { stage: 'customer' } } }, { ...NEW_LINK, bevatelId: null, state: EMPTY_STATE });
    expect(story.shows('external', { company: 'x', segments: null }, { revision: '10', reference: null })).toMatchObject({ verdict: 'skipped', groups: [{ rule: 'filter_unknown:external' }] });
    expect(story.shows('external', { company: 'x', segments: null, stage: 'customer' }, { revision: '11', reference: null }).verdict).toBe('created');
  });
});

describe('a pair', () => {
  it('that was never inside is left alone on both sides, references included', () => {
    const story = new Story({ fields: TAGGED, filter: VIP });
    story.shows('bevatel', outside('b'), { revision: '10', reference: null });
    story.shows('external', { company: null, segments: null }, { revision: '10', reference: null });
    expect(story.group()).toEqual({ skipped: 'filtered:bevatel' });
    expect(dueOf(story.link, story.now)).toBeNull();
    expect(story.shows('external', { company: 'x', segments: null }, { revision: '11', reference: null }).verdict).toBe('unchanged');
  });

  it('that enters for the first time meets as any new pair does', () => {
    const story = new Story({ fields: TAGGED, filter: VIP });
    story.shows('bevatel', outside('b'), { revision: '10' });
    story.shows('external', { company: null, segments: null }, { revision: '10' });
    story.shows('bevatel', inside('b'), { revision: '11' });
    expect(story.wanted()).toBe('external:b');
    expect(story.wanted('tags')).toBe('external:vip');
  });

  it('freeze: nothing is written, which is said once; what was edited meanwhile is decided when it is back', () => {
    const story = pair({ ...VIP, leaving: 'freeze' });
    expect(story.shows('bevatel', outside('b'), { revision: '11' })).toMatchObject({ verdict: 'skipped', groups: [{ group: 'company_name', rule: 'filtered:bevatel' }, { group: 'tags', rule: 'filtered:bevatel' }] });
    expect(story.wanted()).toBeNull();
    expect(story.shows('external', { company: 'x', segments: 'vip' }, { revision: '11' }).groups).toEqual([]);
    expect(dueOf(story.link, story.now)).toBeNull();
    const live = { bevatel: { values: outside('b') }, external: { values: { company: 'x', segments: 'vip' } } };
    expect(examinePair(story.link, live, story.context).map(({ kind, reason }) => `${kind} ${reason}`)).toEqual(['skipped filtered:bevatel', 'skipped filtered:bevatel']);
    story.shows('bevatel', inside('b'), { revision: '12' });
    expect(story.group()).toMatchObject({ base: [['o'], ['o']], held: { type: 'update_update_same_field' } });
  });

  it('freeze: takes back what was wanted, and leaves what is in flight to its answer', () => {
    const story = pair({ ...VIP, leaving: 'freeze' });
    story.shows('bevatel', inside('b'), { revision: '11' });
    const write = story.sends('external');
    story.shows('bevatel', outside('c'), { revision: '12' });
    story.applied(write, { company: 'b', segments: 'vip' }, { revision: '11' });
    expect(story.group()).toEqual({ base: [['b'], ['b']], skipped: 'filtered:bevatel', trail: expect.anything() });
    expect(dueOf(story.link, story.now)).toBeNull();
  });

  it('keep: a pair that took part goes on', () => {
    const story = pair({ ...VIP, leaving: 'keep' });
    story.shows('bevatel', outside('b'), { revision: '11' });
    expect(story.wanted()).toBe('external:b');
    expect(story.wanted('tags')).toBe('external:');
  });

  it('unlink: what was agreed is forgotten, so that the two meet anew when they are back', () => {
    const story = pair({ ...VIP, leaving: 'unlink' });
    story.shows('bevatel', outside('b'), { revision: '11' });
    expect(story.group()).toEqual({ skipped: 'filtered:bevatel' });
    story.shows('bevatel', inside('b'), { revision: '12' });
    expect(story.group().held).toMatchObject({ type: 'create_create' });
  });

  it('unlink: keeps what waits for an operator (I2)', () => {
    const story = pair({ ...VIP, leaving: 'unlink' });
    const held = { type: 'overwritten_in_flight' as const, since: 1, bevatel: ['o'], external: ['o'], bevatelTime: { from: null, to: null, actor: null }, externalTime: { from: null, to: null, actor: null }, overwritten: ['h'] };
    story.link = { ...story.link, state: { ...story.link.state, groups: { ...story.link.state.groups, company_name: { base: [['o'], ['o']], held } } } };
    story.shows('bevatel', outside('o'), { revision: '11' });
    expect(story.group()).toMatchObject({ held: { type: 'overwritten_in_flight', overwritten: ['h'] } });
    expect(story.group().base).toBeUndefined();
  });

  it('receives: it gives nothing, and still gets the other side\'s edits', () => {
    const story = pair({ ...VIP, outside: 'receives' });
    story.shows('bevatel', outside('b'), { revision: '11' });
    expect(story.group()).toMatchObject({ skipped: 'filtered:bevatel' });
    story.shows('external', { company: 'x', segments: 'vip' }, { revision: '11' });
    expect(story.wanted()).toBe('bevatel:x');
    expect(story.verdicts.at(-1)).toMatchObject({ verdict: 'conflict_resolved', rule: 'filtered:bevatel' });
  });

  it('of which is not seen what the filter asks goes on if it took part, and waits if not', () => {
    const filter = { external: { stage: 'customer' } };
    const story = new Story({ fields: TAGGED, filter });
    story.shows('bevatel', inside('b'), { revision: '10' });
    story.shows('external', { company: null, segments: null }, { revision: '10' });
    expect(story.group()).toEqual({ skipped: 'filter_unknown:external' });
    story.shows('external', { company: null, segments: null, stage: 'customer' }, { revision: '11' });
    expect(story.wanted()).toBe('external:b');
  });

  it('whose records are both outside says so of one', () => {
    const story = new Story({ fields: TAGGED, filter: { ...VIP, external: { stage: 'customer' } } });
    story.shows('bevatel', outside('b'), { revision: '10' });
    story.shows('external', { company: null, segments: null, stage: 'lead' }, { revision: '10' });
    expect(story.group()).toEqual({ skipped: 'filtered:bevatel' });
  });
});

describe('a field with a condition', () => {
  const fields = [{ bevatel: 'tags', external: 'segments' }, { ...FIELDS[0], when: { bevatel: { tags: { contains: 'vip' } } } }];
  function agreed(): Story {
    const story = new Story({ fields });
    story.shows('bevatel', inside('o'), { revision: '10' });
    story.shows('external', { company: 'o', segments: 'vip' }, { revision: '10' });
    return story.pass(10);
  }

  it('gives nothing while it does not hold, and gets the other side\'s edits', () => {
    const story = agreed();
    story.shows('bevatel', outside('b'), { revision: '11' });
    expect(story.wanted('tags')).toBe('external:');
    expect(story.group()).toMatchObject({ skipped: 'when:bevatel' });
    const back = agreed();
    back.shows('bevatel', outside('o'), { revision: '11' });
    back.shows('external', { company: 'x', segments: 'vip' }, { revision: '11' });
    expect(back.wanted()).toBe('bevatel:x');
  });

  it('goes one way when its record must hold both ways', () => {
    const closed = [fields[0] as object, { ...FIELDS[0], direction: 'to_external', when: { bevatel: { tags: { contains: 'vip' } } } }];
    const story = new Story({ fields: closed });
    story.shows('bevatel', outside('b'), { revision: '10' });
    story.shows('external', { company: 'x', segments: null }, { revision: '10' });
    expect(story.group()).toEqual({ skipped: 'when:bevatel' });
  });

  it('is left out of a creation while it does not hold, and is not required then', () => {
    const required = [fields[0] as object, { ...(fields[1] as object), required: true }];
    const story = new Story({ fields: required }, ONE_SIDED);
    expect(story.shows('bevatel', { company_name: 'b', tags: ['new'] }, { revision: '10', reference: null }).verdict).toBe('created');
    expect(planWork(story.link, story.context, story.now, 'a1')).toMatchObject({ kind: 'create', op: { values: { segments: ['new'] } } });
    expect(story.shows('bevatel', { company_name: null, tags: ['vip'] }, { revision: '11', reference: null }).verdict).toBe('skipped');
    expect(story.link.state.hold).toMatchObject({ kind: 'required_missing', detail: 'company_name' });
  });
});

it('a required value that is empty is created with its default, where empty says the default', () => {
  const fields = [{ bevatel: 'company_name', external: 'company', required: true, default: 'none', empty: 'default' }];
  const story = new Story({ fields }, ONE_SIDED);
  expect(story.shows('bevatel', null, { revision: '10', reference: null }).verdict).toBe('created');
  expect(planWork(story.link, story.context, story.now, 'a1')).toMatchObject({ kind: 'create', op: { values: { company: 'none' } } });
});
