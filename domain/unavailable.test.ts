/** F7: a system that cannot be reached; F8: a record that lacks a required value. */
import { describe, expect, it } from 'vitest';
import { SyncError } from '../schemas/errors.ts';
import type { ErrorCode } from '../schemas/errors.ts';
import { decideLink } from './decide-link.ts';
import { dueOf } from './due.ts';
import { EMPTY_STATE } from './link.ts';
import type { ContextOptions } from './testing/context.ts';
import { NEW_LINK, Story } from './testing/story.ts';
import { giveUp, TRIES } from './unavailable.ts';

function failing(options: ContextOptions, times: number, code: ErrorCode = 'system_unavailable'): Story {
  const story = new Story(options).agreed();
  story.shows('bevatel', 'b', { revision: '11' });
  for (let time = 0; time < times; time += 1) {
    const attempt = story.pass(400_000).sends('external');
    story.answered('external', { kind: 'failed', attemptId: attempt.id, error: new SyncError(code, 'down') });
    const given = giveUp(story.link, 'external', code, story.context, story.now);
    story.verdicts.push(...given.groups);
    story.link = decideLink(given.link, story.context, story.now).link;
    if (!story.wanted()) break;
  }
  return story;
}

describe('a system that cannot be reached', () => {
  it.each(['queue', 'alert'] as const)('%s: the write stays wanted for as long as it takes', (unavailable) => {
    const story = failing({ unavailable }, 3 * TRIES);
    expect([story.wanted(), story.group().held]).toEqual(['external:b', undefined]);
  });

  it('retry: it is tried five times, then held for a person', () => {
    expect(failing({ unavailable: 'retry' }, TRIES - 1).wanted()).toBe('external:b');
    const story = failing({ unavailable: 'retry' }, TRIES);
    expect(story.group().held).toMatchObject({ type: 'rejected', detail: 'system_unavailable', bevatel: ['b'], external: ['o'] });
    expect(dueOf(story.link, story.now)).toBeNull();
  });

  it('I2: skip: it is given up by name, and a later edit goes its way', () => {
    const story = failing({ unavailable: 'skip' }, 1);
    expect(story.verdicts.at(-1)).toMatchObject({ verdict: 'skipped', rule: 'unavailable', bevatel: ['b'], external: ['o'] });
    expect([story.wanted(), dueOf(story.link, story.now)]).toEqual([null, null]);
    story.shows('bevatel', 'c', { revision: '12' });
    expect(story.wanted()).toBe('external:c');
  });

  it('I10: a system that throttles is not one that cannot be reached', () => {
    expect(failing({ unavailable: 'skip' }, 3, 'rate_limited').wanted()).toBe('external:b');
  });
});

describe('a required value that is missing', () => {
  const fields = [{ bevatel: 'company_name', external: 'company', required: true, default: 'unknown' }, { bevatel: 'email', external: 'email', lens: 'email' }];
  const alone = (options: ContextOptions): Story => {
    const story = new Story({ ...options, fields }, { ...NEW_LINK, externalId: null, state: EMPTY_STATE });
    story.shows('bevatel', { company_name: null, email: 'a@b.de' }, { revision: '10', reference: null });
    return story;
  };

  it.each(['skip', 'halt'] as const)('%s: the record is not created, until it has the value', (requiredMissing) => {
    const story = alone({ requiredMissing });
    expect(story.link.state.hold).toMatchObject({ kind: 'required_missing', detail: 'company_name' });
    story.shows('bevatel', { company_name: 'b', email: 'a@b.de' }, { revision: '11', reference: null });
    expect(story.link.state.create).toBe('external');
  });

  it('default: it is created with the field\'s default, which is no edit and goes nowhere else', () => {
    const story = alone({ requiredMissing: 'default' });
    const attempt = story.sends('external');
    expect(attempt.groups['company_name']).toMatchObject({ sent: ['unknown'], source: [null] });
    story.applied(attempt, { company: 'unknown', email: 'a@b.de' }, { revision: '1', reference: 'B1' });
    expect([story.wanted(), story.group().base]).toEqual([null, [[null], ['unknown']]]);
  });
});
