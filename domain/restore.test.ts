/** What brings records back, and for how long that is possible: restores in their own system, late removals, tombstones (I9). */
import { describe, expect, it } from 'vitest';
import { SyncError } from '../schemas/errors.ts';
import { dueOf } from './due.ts';
import { forget } from './forget.ts';
import { restore } from './restore.ts';
import { STRICT } from './testing/context.ts';
import type { ContextOptions } from './testing/context.ts';
import { BOTH_DELETE, SETTLE_MS, deleted, plan } from './testing/deletions.ts';
import { NEW_LINK, START, Story } from './testing/story.ts';

const DAY_MS = 86_400_000;

describe('restoring', () => {
  /** Deleted outside, and in Bevatel by us. */
  const tombstone = (more: ContextOptions = {}): Story => {
    const story = deleted('external', BOTH_DELETE, more);
    const removal = story.sends('bevatel');
    story.answered('bevatel', { kind: 'removed', attemptId: removal.id });
    story.deletes('bevatel', { revision: '11' });
    return story;
  };

  it('a record that is restored in its own system brings its partner back under a new id', () => {
    const story = tombstone();
    expect(story.reads('external', 'o', { revision: '12' })).toMatchObject({ verdict: 'restored' });
    expect(plan(story)).toMatchObject({ kind: 'create', side: 'bevatel', op: { values: { company_name: 'o' }, reference: 'X1' } });
    const create = story.sends('bevatel');
    story.answered('bevatel', { kind: 'applied', attemptId: create.id, record: { ...story.record('bevatel', 'o', { revision: '1' }), id: 'B2' } });
    expect(story.link).toMatchObject({ bevatelId: 'B2', externalId: 'X1', state: { seen: { bevatel: { revision: '1' } } } });
    expect(story.link.state.gone).toBeUndefined();
    expect(story.link.state.referenceDue).toEqual(['external']);
    expect(story.conflicts()).toEqual(['restore', 'restore']);
  });

  it('what was edited before the restore goes along', () => {
    const story = tombstone();
    story.reads('external', 'new', { revision: '12' });
    expect(plan(story)).toMatchObject({ kind: 'create', op: { values: { company_name: 'new' } } });
  });

  it('a removal that lands late, after the restore, is made good', () => {
    const story = deleted('external', BOTH_DELETE);
    const removal = story.sends('bevatel');
    story.answered('bevatel', { kind: 'unknown', attemptId: removal.id, error: new SyncError('write_unanswered', 'silence') });
    story.reads('external', 'o', { revision: '12' });
    story.loses(removal).reads('bevatel', 'o', { revision: '10' });
    expect(story.link.state.attempts).toMatchObject([{ id: removal.id, status: 'unresolved' }]);
    story.pass(1_000).deletes('bevatel', { revision: '11' });
    expect(plan(story)).toMatchObject({ kind: 'create', side: 'bevatel' });
  });

  it('both deleted by people, and one restored: the other comes back too, unless deletions are ignored', () => {
    for (const [deletes, create] of [[BOTH_DELETE, 'external'], [{}, undefined]] as const) {
      const story = new Story({ deletes }).agreed();
      story.deletes('external', { readById: true });
      story.deletes('bevatel', { revision: '11' });
      story.pass(SETTLE_MS).finds('external', 'deleted');
      story.shows('bevatel', 'o', { revision: '12' });
      expect(story.link.state.create).toBe(create);
      expect(story.link.state.remove).toBeUndefined();
    }
  });

  it('the last images are kept for their time; then the link goes', () => {
    const story = tombstone();
    expect(story.link.state.seen).toMatchObject({ bevatel: { values: { company_name: 'o' } }, external: { values: { company: 'o' } } });
    expect(story.link.state.forgetAt).toBeGreaterThan(story.now + 89 * DAY_MS);
    story.pass(90 * DAY_MS);
    expect(plan(story)).toEqual({ kind: 'forget' });
    expect(forget(story.link)).toBeNull();
  });

  it('of a parted record only the image is forgotten, not that the two were parted', () => {
    const story = deleted('external', { to_bevatel: 'unlink', keepDays: 1 });
    story.pass(DAY_MS);
    expect(plan(story)).toEqual({ kind: 'forget' });
    const kept = forget(story.link);
    expect(kept?.state.apart).toEqual([{ side: 'external', id: 'X1', at: expect.any(Number), by: 'deletes:unlink' }]);
    expect(kept && dueOf(kept, story.now)).toBeNull();
  });
});

describe('an operator restores', () => {
  const BOTH = { bevatel: true, external: true };
  const order = (story: Story, mayWrite = BOTH) => {
    const restoration = restore(story.link, mayWrite, 'mona', story.now);
    if (restoration.kind === 'restoring') story.link = restoration.link;
    story.decides();
    return restoration;
  };
  const answers = (story: Story, side: 'bevatel' | 'external', id: string): void => {
    const create = story.sends(side);
    story.answered(side, { kind: 'applied', attemptId: create.id, record: { ...story.record(side, 'o', { revision: '1' }), id } });
  };

  it('what both sides lost: Bevatel first, then the other, which is tied to the new contact', () => {
    const story = deleted('external', BOTH_DELETE);
    story.answered('bevatel', { kind: 'removed', attemptId: story.sends('bevatel').id });
    expect(order(story)).toMatchObject({ sides: [{ side: 'bevatel', formerId: 'B1', image: { company_name: 'o' } }, { side: 'external', formerId: 'X1' }] });
    expect(plan(story)).toMatchObject({ kind: 'create', side: 'bevatel', op: { values: { company_name: 'o' } } });
    expect(order(story)).toEqual({ kind: 'refused', reason: 'under_way' });
    answers(story, 'bevatel', 'B2');
    expect(plan(story)).toMatchObject({ kind: 'create', side: 'external', op: { values: { company: 'o' }, reference: 'B2' } });
    answers(story, 'external', 'X2');
    expect(story.link).toMatchObject({ bevatelId: 'B2', externalId: 'X2' });
    expect([story.link.state.gone, story.link.state.restoring, story.wanted()]).toEqual([undefined, undefined, null]);
  });

  it('what one side lost, with the edits that its partner had since', () => {
    const story = deleted('external', {});
    story.shows('bevatel', 'since', { revision: '11' });
    order(story);
    expect(plan(story)).toMatchObject({ kind: 'create', side: 'external', op: { values: { company: 'since' }, reference: 'B1' } });
  });

  it('what was parted', () => {
    const story = deleted('external', { to_bevatel: 'unlink' });
    expect(order(story)).toMatchObject({ sides: [{ side: 'external', formerId: 'X1', image: { company: 'o' } }] });
    expect(plan(story)).toMatchObject({ kind: 'create', side: 'external', op: { values: { company: 'o' } } });
    answers(story, 'external', 'X2');
    expect(story.link).toMatchObject({ externalId: 'X2' });
    expect([story.link.state.apart, story.link.state.alone, story.wanted()]).toEqual([undefined, undefined, null]);
  });

  it.each([
    ['not_gone', () => new Story().agreed()],
    ['erased', () => { const story = new Story().agreed(); story.deletes('external', { kind: 'erased' }); return story; }],
    ['in_flight', () => { const story = deleted('external', BOTH_DELETE); story.sends('bevatel'); return story; }],
    ['no_partner', () => { const story = new Story({}, { ...NEW_LINK, externalId: null }); story.shows('bevatel', 'o', { revision: '10', reference: null }); story.deletes('bevatel', { revision: '11' }); return story; }],
  ] as const)('%s is refused', (reason, given) => {
    expect(order(given())).toEqual({ kind: 'refused', reason });
  });

  it('a side that may not be written is refused', () => {
    expect(order(deleted('external', {}), { bevatel: true, external: false })).toEqual({ kind: 'refused', reason: 'direction' });
  });
});

describe('writes and a deletion', () => {
  it('an unanswered write to a record that is gone by now is not looked for for ever', () => {
    const story = new Story({ external: STRICT }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external', { company: START });
    story.answered('external', { kind: 'unknown', attemptId: write.id, error: new SyncError('write_unanswered', 'silence') });
    story.loses(write).finds('external', 'deleted');
    expect(story.link.state.attempts).toEqual([]);
    expect(dueOf(story.link, story.now)?.at).toBeGreaterThan(story.now);
  });
});
