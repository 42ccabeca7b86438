/** Deletions, as given / when / then: what a report is worth, what the policies make of it, what an edit and a restore change (I9). */
import { describe, expect, it } from 'vitest';
import { SyncError } from '../schemas/errors.ts';
import { otherSide } from '../schemas/value.ts';
import { CLOSING_MARGIN_MS, dueOf, heldCount } from './due.ts';
import { goneAt } from './gone.ts';
import { probeAgain, resolveDeletion } from './resolve-deletion.ts';
import { HISTORY } from './testing/context.ts';
import type { ContextOptions } from './testing/context.ts';
import { BOTH_DELETE, SETTLE_MS, deleted, plan } from './testing/deletions.ts';
import { START, Story } from './testing/story.ts';

describe('I9: a deletion that is reported is a candidate', () => {
  it.each(['bevatel', 'external'] as const)('nothing follows from it before the settle time, when the record is read once more (%s)', (lost) => {
    const story = new Story({ deletes: BOTH_DELETE }).agreed();
    const at = story.now;
    story.deletes(lost);
    expect(plan(story)).toEqual({ kind: 'none' });
    expect(dueOf(story.link, story.now)).toEqual({ at: at + SETTLE_MS, kind: 'write' });
    story.pass(SETTLE_MS);
    expect(plan(story)).toEqual({ kind: 'read', side: lost, id: lost === 'bevatel' ? 'B1' : 'X1' });
    story.finds(lost, 'deleted');
    expect(story.link.state.remove).toEqual({ side: otherSide(lost), way: 'delete' });
  });

  it('a read before the settle time settles nothing, and the next report does not begin it anew', () => {
    const story = new Story({ deletes: BOTH_DELETE }).agreed();
    const at = story.now;
    story.deletes('external', { readById: true });
    story.pass(30_000).finds('external', 'deleted');
    story.deletes('external', { readById: true });
    expect(story.link.state.gone?.external?.settledAt).toBeUndefined();
    expect(dueOf(story.link, story.now)?.at).toBe(at + SETTLE_MS);
  });

  it('a merge explains it: the link follows, and nothing is removed', () => {
    const story = new Story({ deletes: BOTH_DELETE }).agreed();
    story.deletes('external', { readById: true });
    story.pass(SETTLE_MS).merges('external', 'X9');
    story.reads('external', 'o', { revision: '12' });
    expect(story.link).toMatchObject({ externalId: 'X9', state: { groups: {} } });
    expect([story.link.state.gone, story.link.state.remove, story.wanted()]).toEqual([undefined, undefined, null]);
  });

  it('a restore explains it: a read that finds the record again', () => {
    const story = new Story({ deletes: BOTH_DELETE, external: HISTORY }).agreed();
    story.deletes('external', { readById: true });
    const back = story.reads('external', 'o', { revision: '10' });
    expect(back).toMatchObject({ verdict: 'restored', groups: [{ group: '*', verdict: 'restored', conflict: 'restore' }] });
    expect([story.link.state.gone, story.link.state.readDue, dueOf(story.link, story.now)]).toEqual([undefined, undefined, null]);
  });

  it.each([
    ['its system never told', {}, 'not_found', false],
    ['its system told', { revision: '11' }, 'not_found', true],
    ['a read proves', { readById: true }, 'deleted', true],
    ['a read found, and cannot be told from a merge or an erasure', { readById: true }, 'not_found', false],
  ] as const)('what %s goes over only with proof', (_what, facts, how, goesOver) => {
    const story = new Story({ deletes: BOTH_DELETE }).agreed();
    if (Object.keys(facts).length === 0) story.finds('external', 'not_found');
    else story.deletes('external', facts);
    story.settles('external', how);
    expect(story.link.state.remove).toEqual(goesOver ? { side: 'bevatel', way: 'delete' } : undefined);
  });

  it('I6: an image from before the deletion moves the last image and brings nothing back', () => {
    const story = new Story({ deletes: BOTH_DELETE }).agreed();
    story.deletes('bevatel', { revision: '12' });
    story.shows('bevatel', 'b', { revision: '11' });
    expect(story.link.state).toMatchObject({ gone: { bevatel: { how: 'deleted' } }, seen: { bevatel: { values: { company_name: 'b' } } } });
    expect(story.shows('bevatel', 'c', { revision: '13' }).verdict).toBe('restored');
    expect(story.wanted()).toBe('external:c');
  });

  it('I6: a deletion that is told after what came after it changes nothing', () => {
    const story = new Story({ deletes: BOTH_DELETE }).agreed();
    story.shows('bevatel', 'back', { revision: '13' });
    expect(story.deletes('bevatel', { revision: '12' })).toMatchObject({ verdict: 'stale' });
    expect([story.link.state.gone, story.wanted()]).toEqual([undefined, 'external:back']);
  });

  it('what shows the record without an order makes a read due, which decides', () => {
    const story = new Story({ external: HISTORY }).agreed();
    story.deletes('external', { readById: true });
    story.pass(10).shows('external', 'listed', { revision: '11' });
    expect(story.link.state).toMatchObject({ gone: { external: {} }, readDue: { external: { at: story.now, blocks: true } } });
    story.finds('external', 'deleted');
    expect(story.link.state.readDue?.external?.at).toBeGreaterThan(story.now + SETTLE_MS - 1_000);
    story.pass(10).shows('external', 'listed', { revision: '11', readById: true, from: START });
    expect(story.link.state.gone?.external).toBeDefined();
  });
});

describe('policies', () => {
  it.each([
    ['ignore', undefined, 'B1'],
    ['archive', { side: 'bevatel', way: 'archive' }, 'B1'],
    ['delete', { side: 'bevatel', way: 'delete' }, 'B1'],
    ['unlink', undefined, 'B1'],
  ] as const)('%s, towards Bevatel', (policy, remove, bevatelId) => {
    const story = deleted('external', { to_bevatel: policy });
    expect(story.link.state.remove).toEqual(remove);
    expect(story.link.bevatelId).toBe(bevatelId);
    expect(story.link.externalId).toBe(policy === 'unlink' ? null : 'X1');
    expect(story.wanted()).toBeNull();
  });

  it.each([
    ['ignore', undefined], ['archive', { side: 'external', way: 'archive' }], ['delete', { side: 'external', way: 'delete' }], ['unlink', undefined],
  ] as const)('%s, towards the external system', (policy, remove) => {
    const story = deleted('bevatel', { to_external: policy });
    expect(story.link.state.remove).toEqual(remove);
    expect(story.link.bevatelId).toBe(policy === 'unlink' ? null : 'B1');
  });

  it('each direction has its own', () => {
    expect(deleted('bevatel', { to_external: 'archive' }).link.state.remove).toEqual({ side: 'external', way: 'archive' });
    expect(deleted('external', { to_external: 'archive' }).link.state.remove).toBeUndefined();
  });

  it('ignore: the link is held and shown, edits wait, and a restore lets them go on', () => {
    const story = deleted('external', {});
    story.shows('bevatel', 'waits', { revision: '11' });
    expect([plan(story).kind, story.wanted(), goneAt(story.link) === null]).toEqual(['none', null, false]);
    story.reads('external', 'o', { revision: '12' });
    expect(story.wanted()).toBe('external:waits');
  });

  it('a policy that is set later does not reach back to what was ignored', () => {
    const ignored = deleted('external', {});
    const story = new Story({ deletes: BOTH_DELETE }, ignored.link);
    story.now = ignored.now;
    expect(plan(story.decides()).kind).toBe('none');
    story.shows('bevatel', 'b', { revision: '11' });
    expect([plan(story).kind, story.conflicts()]).toEqual(['none', []]);
  });

  it('unlink: the record that is left gets no new partner made, knows whom it was parted from, and keeps that one\'s last image', () => {
    const story = deleted('external', { to_bevatel: 'unlink' });
    expect(story.verdicts.at(-1)).toMatchObject({ group: '*', verdict: 'unlinked', rule: 'deletes:unlink' });
    expect(story.link.state).toMatchObject({ apart: [{ side: 'external', id: 'X1', image: { company: 'o' } }], alone: { reason: 'unlinked' } });
    expect(story.shows('bevatel', 'b', { revision: '11', reference: 'X1' })).toMatchObject({ verdict: 'skipped' });
    expect([story.link.state.create, dueOf(story.link, story.now)?.at]).toEqual([undefined, story.link.state.forgetAt]);
  });
});

describe('removing', () => {
  it('a strict side is asked for the version that the decision is based on; an edit in between is a conflict, not a loss', () => {
    const story = deleted('external', BOTH_DELETE);
    expect(plan(story)).toMatchObject({ kind: 'remove', side: 'bevatel', op: { id: 'B1', way: 'delete', condition: '10' } });
    const removal = story.sends('bevatel');
    story.answered('bevatel', { kind: 'moved', attemptId: removal.id, record: story.record('bevatel', 'edited', { revision: '11' }) });
    expect([story.link.state.remove, story.link.state.create, story.conflicts()]).toEqual([undefined, 'external', ['delete_recently_updated']]);
  });

  it('where there is no condition, none is claimed: the caller reads before', () => {
    const story = deleted('bevatel', BOTH_DELETE, { external: HISTORY });
    expect(plan(story)).toMatchObject({ kind: 'remove', side: 'external', op: { id: 'X1', condition: null } });
    story.reads('external', 'edited', { revision: '12' });
    expect([story.link.state.remove, story.conflicts()]).toEqual([undefined, ['delete_recently_updated']]);
  });

  it.each([['the answer first', true, []], ['the news first', false, ['removed proven']]] as const)('I3: our own removal is an echo when it is told (%s), is told once as landed, and both are a tombstone', (_which, isAnswerFirst, landed) => {
    const story = deleted('external', BOTH_DELETE);
    const removal = story.sends('bevatel');
    const answer = () => story.answered('bevatel', { kind: 'removed', attemptId: removal.id });
    if (isAnswerFirst) answer();
    const told = story.deletes('bevatel', { revision: '11' });
    expect([told.verdict, told.groups.map(({ verdict, rule }) => `${verdict} ${rule}`)]).toEqual(['echo', landed]);
    if (!isAnswerFirst) answer();
    expect(story.link.state).toMatchObject({ attempts: [], gone: { bevatel: { ours: true, revision: '11' }, external: {} } });
    expect(plan(story)).toEqual({ kind: 'none' });
    expect(dueOf(story.link, story.now)?.at).toBe(story.link.state.forgetAt);
  });

  it.each([['landed', 'deleted'], ['did not land', null]] as const)('a removal whose answer is lost and that %s is looked up', (_how, how) => {
    const story = deleted('external', BOTH_DELETE);
    const removal = story.sends('bevatel');
    story.answered('bevatel', { kind: 'unknown', attemptId: removal.id, error: new SyncError('write_unanswered', 'silence') });
    expect(plan(story)).toEqual({ kind: 'none' });
    expect(dueOf(story.link, story.now)?.at).toBe(removal.deadline + CLOSING_MARGIN_MS);
    story.loses(removal);
    expect(plan(story)).toEqual({ kind: 'read', side: 'bevatel', id: 'B1' });
    if (how) story.finds('bevatel', how);
    else story.reads('bevatel', 'o', { revision: '10' });
    expect(plan(story).kind).toBe(how ? 'none' : 'remove');
    expect(story.link.state.gone?.bevatel?.ours).toBe(how ? true : undefined);
  });

  it('a removal that was certainly not done is tried again later', () => {
    const story = deleted('external', BOTH_DELETE);
    const removal = story.sends('bevatel');
    story.answered('bevatel', { kind: 'failed', attemptId: removal.id, error: new SyncError('rate_limited', 'wait') });
    expect(story.link.state).toMatchObject({ attempts: [], remove: { side: 'bevatel' }, retry: { count: 1 } });
  });

  it('a write that is under way is waited for: what it brings is no edit', () => {
    const story = new Story({ deletes: BOTH_DELETE }).agreed();
    story.shows('external', 'x', { revision: '11' });
    const write = story.sends('bevatel');
    story.deletes('external', { readById: true });
    story.pass(SETTLE_MS - 100);
    expect(story.link.state.remove).toBeUndefined();
    story.applied(write, 'x', { revision: '11' });
    story.settles('external');
    expect([story.link.state.remove?.side, story.conflicts()]).toEqual(['bevatel', []]);
  });
});

describe('a deletion against an edit', () => {
  const edited = (versusEdit: string, more: ContextOptions = {}): Story => {
    const story = new Story({ deletes: { ...BOTH_DELETE, versusEdit }, ...more }).agreed();
    story.deletes('external', { readById: true });
    story.shows('bevatel', 'b', { revision: '11' });
    story.settles('external');
    return story;
  };

  it('edit_wins: the record is made again where it was deleted, with what it last held and the edit', () => {
    const fields = [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'language', external: 'lang' }, { bevatel: 'custom.tier', external: 'tier', direction: 'to_bevatel' }];
    const story = new Story({ deletes: BOTH_DELETE, fields });
    story.shows('bevatel', { company_name: 'o', language: 'ar', 'custom.tier': 'gold' }, { revision: '10' });
    story.shows('external', { company: 'o', lang: 'ar', tier: 'gold' }, { revision: '10' });
    story.deletes('external', { readById: true });
    story.shows('bevatel', { company_name: 'b', language: 'ar', 'custom.tier': 'gold' }, { revision: '11' });
    story.settles('external');
    expect(story.verdicts.at(-1)).toMatchObject({ group: '*', verdict: 'conflict_resolved', conflict: 'delete_recently_updated', rule: 'deletes:edit_wins', writeTo: 'external' });
    const create = story.sends('external');
    expect(plan(story)).toEqual({ kind: 'none' });
    story.answered('external', { kind: 'applied', attemptId: create.id, record: { ...story.record('external', { company: 'b', lang: 'ar', tier: 'gold' }, { revision: '1' }), id: 'X2' } });
    expect(story.link).toMatchObject({ externalId: 'X2', state: { groups: { company_name: { base: [['b'], ['b']] } } } });
    expect([story.link.state.gone, story.link.state.referenceDue, story.wanted()]).toEqual([undefined, ['bevatel'], null]);
  });

  it('what is made again gets the whole last image, also what only ever came from there', () => {
    const fields = [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'custom.tier', external: 'tier', direction: 'to_bevatel' }];
    const story = new Story({ deletes: BOTH_DELETE, fields });
    story.shows('bevatel', { company_name: 'o', 'custom.tier': 'gold' }, { revision: '10' });
    story.shows('external', { company: 'o', tier: 'gold' }, { revision: '10' });
    story.deletes('external', { readById: true });
    story.shows('bevatel', { company_name: null, 'custom.tier': 'gold' }, { revision: '11' });
    story.settles('external');
    expect(plan(story)).toMatchObject({ kind: 'create', side: 'external', op: { values: { tier: 'gold' }, reference: 'B1' } });
  });

  it('delete_wins: the deletion goes over, by a named verdict', () => {
    const story = edited('delete_wins');
    expect(story.link.state.remove).toEqual({ side: 'bevatel', way: 'delete' });
    expect(story.verdicts.at(-1)).toMatchObject({ conflict: 'delete_recently_updated', rule: 'deletes:delete_wins' });
  });

  it('manual: held as a whole until an operator says which of the two stands; an edit since voids that word', () => {
    const story = edited('manual');
    expect(story.link.state.hold).toMatchObject({ kind: 'delete_recently_updated', detail: 'external', revision: '11' });
    expect([heldCount(story.link), plan(story).kind]).toEqual([1, 'none']);
    const since = story.link.state.hold?.since;
    story.pass(500).shows('bevatel', 'b', { revision: '11' });
    expect(story.link.state.hold?.since).toBe(since);
    const resolved = resolveDeletion(story.link, 'external', 'mona');
    story.link = resolved.kind === 'resolved' ? resolved.link : story.link;
    story.pass(10).shows('bevatel', 'c', { revision: '12' });
    expect(story.link.state).toMatchObject({ hold: { kind: 'delete_recently_updated', revision: '12' } });
    expect(story.link.state.hold?.since).toBe(story.now);
  });

  it.each([['bevatel', 'create', 'external'], ['external', 'remove', 'bevatel']] as const)('an operator lets %s stand', (winner, kind, side) => {
    const story = edited('manual');
    const resolved = resolveDeletion(story.link, winner, 'mona');
    expect(resolved.kind).toBe('resolved');
    if (resolved.kind === 'resolved') story.link = resolved.link;
    story.shows('bevatel', 'b', { revision: '11' });
    story.decides();
    expect(plan(story)).toMatchObject({ kind, side });
    expect(story.link.state.hold).toBeUndefined();
  });

  it('looked for once more, a merge may be known by now', () => {
    const story = new Story({ deletes: BOTH_DELETE }).agreed();
    story.deletes('external', { readById: true });
    story.shows('bevatel', 'b', { revision: '11' });
    story.settles('external', 'not_found');
    const again = probeAgain(story.link);
    if (again.kind === 'resolved') story.link = again.link;
    expect(plan(story.decides())).toEqual({ kind: 'read', side: 'external', id: 'X1' });
    story.merges('external', 'X9').reads('external', 'o', { revision: '12' });
    expect([story.link.externalId, story.wanted(), story.link.state.hold]).toEqual(['X9', 'external:b', undefined]);
  });

  it('an edit that had not gone over yet when the record was deleted is an edit all the same', () => {
    const story = new Story({ deletes: BOTH_DELETE }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external', { company: START });
    story.answered('external', { kind: 'gone', attemptId: write.id, how: 'deleted', mergedInto: null });
    story.settles('external');
    expect(story.conflicts()).toEqual(['update_recently_deleted']);
    expect(story.link.state.create).toBe('external');
  });

  it('a write that finds nothing and nobody can say why is held: it may have been erased', () => {
    const story = new Story({ deletes: BOTH_DELETE }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external', { company: START });
    story.answered('external', { kind: 'gone', attemptId: write.id, how: 'not_found', mergedInto: null });
    expect(plan(story)).toMatchObject({ kind: 'read', side: 'external' });
    story.finds('external', 'not_found');
    story.settles('external', 'not_found');
    expect(story.link.state.hold).toMatchObject({ kind: 'update_missing', detail: 'external' });
    expect(plan(story)).toEqual({ kind: 'none' });
  });

  it('an edit that the direction keeps from going there does not keep the record', () => {
    const story = edited('edit_wins', { direction: 'to_bevatel' });
    expect([story.link.state.remove?.side, story.conflicts()]).toEqual(['bevatel', []]);
  });

  it('where nothing may be created, an edit that wins is held', () => {
    expect(edited('edit_wins', { creates: { external: false } }).link.state.hold).toMatchObject({ kind: 'delete_recently_updated' });
  });

  it('a partner that was merged since is more than the deletion spoke of', () => {
    const story = new Story({ deletes: { ...BOTH_DELETE, versusEdit: 'manual' } }).agreed();
    story.deletes('bevatel', { revision: '11' });
    story.merges('external', 'X9');
    story.reads('external', 'o', { revision: '12' });
    story.settles('bevatel');
    expect(story.link.state.hold).toMatchObject({ kind: 'delete_recently_updated', detail: 'bevatel' });
  });

  it.each(['edit_wins', 'delete_wins', 'manual'])('I9: a privacy deletion always wins (%s)', (versusEdit) => {
    const story = edited(versusEdit);
    story.deletes('external', { kind: 'erased' });
    expect(story.link).toMatchObject({ erased: true, state: { seen: {}, groups: {}, attempts: [] } });
    expect([plan(story).kind, dueOf(story.link, story.now), goneAt(story.link)]).toEqual(['none', null, null]);
    story.shows('bevatel', 'again', { revision: '20' });
    story.reads('external', 'again', { revision: '20' });
    expect(story.link.state.seen).toEqual({});
  });
});
