/** What is told of writes that have landed. */
import { describe, expect, it } from 'vitest';
import { isLanding, landingOf } from './landing.ts';
import { SyncError } from '../schemas/errors.ts';
import { Story } from './testing/story.ts';

describe('a write that is proven by an image', () => {
  it('tells what it found, whose edit it carried, and which pair it brought about', () => {
    const story = new Story().agreed('o');
    story.shows('bevatel', 'b', { revision: '11', at: story.now, actor: 'mona' });
    const attempt = story.sends('external');
    const { groups, verdict } = story.shows('external', 'b', { revision: '11' });
    expect(verdict).toBe('echo');
    expect(groups.filter(isLanding)).toEqual([{
      group: 'company_name', verdict: 'echo', rule: 'proven', bevatel: ['b'], external: ['o'], base: [['b'], ['b']], writeTo: 'external', write: ['b'],
      attempt: attempt.id, sentAt: attempt.sentAt, bevatelAt: attempt.sentAt, bevatelActor: 'mona',
    }]);
  });

  it('is told once, however often it is shown', () => {
    const story = new Story().agreed('o');
    story.shows('bevatel', 'b', { revision: '11' });
    story.sends('external');
    story.shows('external', 'b', { revision: '11' });
    story.shows('external', 'b', { revision: '11' });
    story.reads('external', 'b', { revision: '11' });
    expect(story.verdicts.filter(isLanding)).toHaveLength(1);
  });

  it('is told beside what is decided of an edit that came on top of it', () => {
    const story = new Story().agreed('o');
    story.shows('bevatel', 'b', { revision: '11' });
    story.sends('external');
    story.shows('bevatel', 'c', { revision: '12' });
    const { groups } = story.shows('external', 'b', { revision: '11' });
    expect(groups.map(({ verdict, rule, write }) => [verdict, rule, write])).toEqual([['echo', 'proven', ['b']], ['propagate', 'one_side_changed', ['c']]]);
  });

  it('an interval is told with its beginning', () => {
    const written = { sent: ['b'], source: ['b'], before: null, time: { from: 5, to: 9, actor: null } };
    const attempt = { id: 'a', side: 'bevatel', kind: 'update', groups: { g: written }, reference: null, condition: null, guard: null, sentAt: 10, deadline: 20, status: 'outstanding' } as const;
    expect(landingOf(attempt, 'g', written, undefined, 'written')).toEqual({
      group: 'g', verdict: 'converged', rule: 'written', external: ['b'], externalAt: 9, externalFrom: 5, externalActor: null, writeTo: 'bevatel', write: ['b'], attempt: 'a', sentAt: 10,
    });
  });
});

describe('a value that an operator puts back and the system refuses', () => {
  it('I3: is held, and not sent again', () => {
    const story = new Story().agreed('o');
    const restore = { side: 'external', values: ['x'], over: { bevatel: ['o'], external: ['o'] } } as const;
    story.link = { ...story.link, state: { ...story.link.state, groups: { company_name: { base: [['o'], ['o']], restore } } } };
    story.shows('bevatel', { company_name: 'o', email: 'a@b.example' }, { revision: '11' });
    expect(story.wanted()).toBe('external:x');
    const attempt = story.sends('external');
    story.answered('external', { kind: 'rejected', attemptId: attempt.id, error: new SyncError('value_rejected', 'no'), fields: ['company'] });
    expect(story.group().held?.type).toBe('rejected');
    expect(story.wanted()).toBeNull();
  });
});
