/** What comes late of a record whose link has gone on without it: as the simulator met it (docs/simulation.md). */
import { describe, expect, it } from 'vitest';
import { dueOf } from './due.ts';
import { goneAt } from './gone.ts';
import { leftBehind } from './left-behind.ts';
import type { Link } from './link.ts';
import { deleted, SETTLE_MS } from './testing/deletions.ts';
import { START, Story } from './testing/story.ts';

const DELETES = { to_external: 'delete', to_bevatel: 'unlink' };

/** X1 was deleted and settled; then its link went on as `after` says. */
function tombstoneOf(after: Partial<Link>): Story {
  const story = deleted('external', DELETES);
  const before = { ...story.link, externalId: 'X1', state: { ...story.link.state, gone: { external: { how: 'deleted' as const, at: START, observedFrom: START, observedTo: START } } } };
  const [tombstone] = leftBehind(before, { ...before, ...after }, () => 'tombstone', story.context);
  if (!tombstone) throw new Error('nothing was left behind');
  return new Story({ deletes: DELETES }, tombstone).pass(SETTLE_MS);
}

describe.each([['was made again', { externalId: 'X2' }], ['was parted', { externalId: null }]])('a record that %s', (_what, after) => {
  it('I4: what was read of it before its end gives nobody a partner', () => {
    const story = tombstoneOf(after);
    expect(story.link).toMatchObject({ bevatelId: null, externalId: 'X1' });
    story.shows('external', 'o', { revision: '9', from: START - 1, readById: true });
    expect([story.link.state.create, story.link.state.gone?.external?.how]).toEqual([undefined, 'deleted']);
  });

  it('I9: what a listing shows of it is asked for by its id', () => {
    const story = tombstoneOf(after);
    story.shows('external', 'o', { revision: '9' });
    expect([story.link.state.create, dueOf(story.link, story.now)?.at]).toEqual([undefined, story.now]);
  });

  it('is forgotten with the rest, and listed with nothing: its link is', () => {
    const story = tombstoneOf(after);
    expect([goneAt(story.link), dueOf(story.link, story.now)?.at]).toEqual([null, START + story.context.deletes.keepMs]);
  });
});

describe('a record that comes back to no link', () => {
  it('I4: is there twice, where it was made again meanwhile: an operator decides', () => {
    const story = tombstoneOf({ externalId: 'X2' });
    story.reads('external', 'o', { revision: '12' });
    expect(story.link.state).toMatchObject({ hold: { kind: 'possible_duplicate', candidates: ['link'] } });
    expect([story.link.state.create, story.link.state.formerOf, story.link.state.forgetAt]).toEqual([undefined, undefined, undefined]);
  });

  it('stays parted from what it was parted from', () => {
    const story = tombstoneOf({ externalId: null });
    story.reads('external', 'o', { revision: '12' });
    expect(story.link.state).toMatchObject({ alone: { reason: 'unlinked' }, apart: [{ side: 'bevatel', id: 'B1' }] });
    expect(story.link.state.create).toBeUndefined();
  });
});

describe('nothing is left behind', () => {
  const before = deleted('external', DELETES).link;
  const gone = { ...before, externalId: 'X1', state: { ...before.state, gone: { external: { how: 'deleted' as const, at: START } } } };
  const { context } = new Story({ deletes: DELETES });
  it.each<[string, Link, Link]>([
    ['by a link that has its record still', gone, gone],
    ['by a merge, whose loser its survivor names', { ...gone, state: { ...gone.state, gone: { external: { how: 'merged', at: START } } } }, { ...gone, externalId: 'X2' }],
    ['by an erasure, which forgets everything', gone, { ...gone, externalId: 'X2', erased: true }],
    ['where nobody knows of an end', { ...gone, state: before.state }, { ...gone, externalId: 'X2' }],
  ])('%s', (_what, from, to) => {
    expect(leftBehind(from, to, () => 'tombstone', context)).toEqual([]);
  });
});
