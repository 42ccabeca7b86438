/** What another configuration makes of links that were decided by an earlier one. */
import { describe, expect, it } from 'vitest';
import { decideAnew } from './decide-anew.ts';
import type { GroupState, Held, Link } from './link.ts';
import { UNKNOWN_TIME } from './link.ts';
import { planWork } from './plan-work.ts';
import { testContext } from './testing/context.ts';
import { START, Story } from './testing/story.ts';
import { exactly } from './time.ts';

const held = (more: Partial<Held> = {}): Held => ({ type: 'update_update_same_field', since: 5, bevatel: ['b'], external: ['x'], bevatelTime: UNKNOWN_TIME, externalTime: UNKNOWN_TIME, ...more });

/** A pair that shows b and x, with the group as given. */
function linkWith(group: GroupState, name = 'company_name'): Link {
  const story = new Story({ policy: 'manual' });
  story.shows('bevatel', 'b', { revision: '10' });
  story.shows('external', 'x', { revision: '10' });
  return { ...story.link, state: { ...story.link.state, groups: { [name]: group } } };
}

describe('decideAnew', () => {
  it.each<[string, Parameters<typeof testContext>[0], GroupState, GroupState]>([
    ['a conflict by the new policy', { policy: 'external_wins' }, { base: [['o'], ['o']], held: held() }, { base: [['o'], ['o']], wanted: { side: 'bevatel', values: ['x'] } }],
    ['a conflict that stays one, unchanged', { policy: 'manual' }, { base: [['o'], ['o']], held: held() }, { base: [['o'], ['o']], held: held() }],
    ['an edit by the new direction', { direction: 'to_bevatel' }, { base: [['o'], ['x']], wanted: { side: 'external', values: ['b'] } }, { base: [['o'], ['x']], skipped: 'direction' }],
    ['a refused write is tried again', {}, { base: [['o'], ['x']], held: held({ type: 'schema_missing', detail: 'schema_missing' }) }, { base: [['o'], ['x']], wanted: { side: 'external', values: ['b'] } }],
    ['what was overwritten in flight stays with the operator', {}, { base: [['b'], ['x']], held: held({ type: 'overwritten_in_flight', overwritten: ['h'] }) }, { base: [['b'], ['x']], held: held({ type: 'overwritten_in_flight', overwritten: ['h'] }) }],
    ['what stands at its base is left alone', {}, { base: [['b'], ['x']] }, { base: [['b'], ['x']] }],
  ])('%s', (_given, options, group, then) => {
    const { trail: _trail, ...after } = decideAnew(linkWith(group), testContext(options), START + 99).link.state.groups['company_name'] ?? {};
    expect(after).toEqual(then);
  });

  it('wants, holds and writes nothing for a field that the mapping no longer has, and keeps its agreement', () => {
    const link = linkWith({ base: [['o'], ['o']], wanted: { side: 'external', values: ['b'] }, trail: [[1, 'x']] }, 'custom.gone');
    expect(planWork({ ...link, state: { ...link.state, groups: { ...link.state.groups, company_name: { base: [['b'], ['x']] } } } }, testContext(), START + 99, 'a').kind).toBe('none');
    expect(decideAnew(link, testContext(), START + 99).link.state.groups['custom.gone']).toEqual({ base: [['o'], ['o']] });
    expect(decideAnew(linkWith({ held: held() }, 'custom.gone'), testContext(), START + 99).link.state.groups['custom.gone']).toEqual({});
  });

  it('fills a field that the mapping did not have before, once both sides are known', () => {
    const fields = [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'custom.city', external: 'city' }];
    const story = new Story({ fields });
    story.shows('bevatel', { company_name: 'o', 'custom.city': null }, { revision: '10' });
    story.shows('external', { company: 'o' }, { revision: '10' });
    expect(story.group('custom.city').base).toBeUndefined();
    story.shows('external', { company: 'o', city: 'Jeddah' }, { revision: '10', at: 5 });
    expect(story.wanted('custom.city')).toBe('bevatel:Jeddah');
    expect(story.link.state.seen.external?.times['city']).toEqual(exactly(5, null));
  });
});
