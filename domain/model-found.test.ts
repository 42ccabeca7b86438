/** Counterexamples that the model found, each told as short as it is: what must never happen again. */
import { describe, expect, it } from 'vitest';
import { applyImage } from './apply-change.ts';
import { NO_OWN_TIMES, SKIPPED_REVISION_PATIENCE_MS } from './context.ts';
import { dueOf } from './due.ts';
import { planWork } from './plan-work.ts';
import { HISTORY, NONE, STRICT } from './testing/context.ts';
import { entry, START, Story } from './testing/story.ts';

const GUARD = { company: START };

describe('a strict side', () => {
  it('I2: what was wanted before a lost answer is not written over a revision that skips its proof', () => {
    const story = new Story().agreed();
    story.shows('external', 'a', { revision: '11' });
    const write = story.sends('bevatel');
    story.loses(write).reads('bevatel', 'c', { revision: '12' });
    expect(story.wanted()).toBeNull();
    expect(planWork(story.link, story.context, story.now, 'next').kind).toBe('none');
    expect(dueOf(story.link, story.now)?.at).toBe(write.deadline + SKIPPED_REVISION_PATIENCE_MS);
  });

  it('I2: an older image with the value that was sent does not prove the write', () => {
    const story = new Story().agreed();
    story.shows('bevatel', 'c', { revision: '11' });
    story.applied(story.sends('external'), 'c', { revision: '11' });
    story.shows('bevatel', 'o', { revision: '12' });
    const write = story.sends('external');
    story.shows('external', 'o', { revision: '10', from: START });
    expect(story.link.state.attempts).toEqual([write]);
    expect(story.group().base).toEqual([['c'], ['c']]);
  });

  it('I5: an edit to the same value that was observed before the write was sent does not prove it', () => {
    const story = new Story().agreed();
    const observed = story.now;
    story.pass(15_000).shows('external', 'c', { revision: '11' });
    const write = story.sends('bevatel');
    const late = { ...story.image('bevatel', 'c', { revision: '11', from: observed }), observedTo: observed };
    const { link } = applyImage(story.link, late, story.context, NO_OWN_TIMES, story.now);
    expect(link.state.groups.company_name?.base).toEqual([['o'], ['o']]);
    expect(link.state.attempts).toMatchObject([{ id: write.id, status: 'outstanding' }]);
  });

  it('I2: the value before, shown after a skipped revision, may stand on top of our write', () => {
    const story = new Story().agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external');
    story.loses(write).reads('external', 'o', { revision: '12' });
    expect(story.wanted()).toBeNull();
    story.pass(SKIPPED_REVISION_PATIENCE_MS).reads('external', 'o', { revision: '12' });
    expect(story.group().held).toMatchObject({ type: 'unknown_outcome', bevatel: ['b'], external: ['o'] });
  });

  it('I5: a value that stands again on top of our write has a new edit time', () => {
    const story = new Story().agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    story.pass(12_000).shows('external', 'c', { revision: '11', at: story.now });
    const write = story.sends('bevatel');
    story.pass(500).shows('bevatel', 'b', { revision: '13' });
    story.shows('bevatel', 'c', { revision: '12' });
    expect(story.link.state.seen.bevatel?.times.company_name).toMatchObject({ from: write.sentAt });
    expect(story.wanted()).toBe('external:b');
  });
});

describe('a side without strict revisions', () => {
  it.each([['approximate', HISTORY], ['none', NONE]] as const)('I6: a read that began before a confirming one is not folded after it (%s)', (_kind, external) => {
    const story = new Story({ external }).agreed();
    const early = story.pass(10).now;
    story.reads('external', 'o', { revision: '10' });
    expect(story.shows('external', 'c', { revision: '10', readById: true, from: early }).verdict).toBe('read_again');
    expect(story.link.state.seen.external?.values).toEqual({ company: 'o' });
  });

  it('I1: a read under way does not settle the wish for a later one', () => {
    const story = new Story({ external: NONE }).agreed();
    story.shows('external', 'a');
    const begun = story.pass(5).now;
    story.pass(5).shows('external', 'b');
    story.pass(5).shows('external', 'o', { readById: true, from: begun });
    expect(story.link.state.readDue?.external).toBeDefined();
    story.reads('external', 'b');
    expect(story.wanted()).toBe('bevatel:b');
    expect(story.link.state.readDue).toBeUndefined();
  });
});

describe('a side with histories (I2)', () => {
  /** Two writes of the same value, the first without an answer. */
  const twice = (): { story: Story; second: ReturnType<Story['sends']> } => {
    const story = new Story({ external: HISTORY }).agreed();
    story.shows('bevatel', 'a', { revision: '11' });
    story.loses(story.sends('external', GUARD)).reads('external', 'o', { revision: '10', history: [entry('o', START)] });
    return { story, second: story.sends('external', GUARD) };
  };

  it('one entry proves one of two writes of the same value', () => {
    const { story, second } = twice();
    const history = [entry('b', START + 20_000, 'sara'), entry('a', START + 19_000), entry('o', START)];
    story.reads('external', 'b', { revision: '12', history });
    expect(story.link.state.attempts).toMatchObject([{ id: second.id, status: 'outstanding' }]);
    story.pass(20).applied(second, 'a', { revision: '13', readBack: story.readBack('external', 'a', { revision: '13', history: [entry('a', START + 21_000), ...history] }) });
    expect(story.group().held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['b'] });
  });

  it('two of ours in a row do not hide the edit beneath the lower one', () => {
    const { story, second } = twice();
    const history = [entry('a', START + 21_000), entry('a', START + 20_000), entry('b', START + 19_000, 'sara'), entry('o', START)];
    story.pass(20).applied(second, 'a', { revision: '13', readBack: story.readBack('external', 'a', { revision: '13', history }) });
    expect(story.group().held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['b'] });
  });

  it('an image without histories proves no guarded write; its record is read before anything is written', () => {
    const { story, second } = twice();
    story.shows('external', 'a', { revision: '12' });
    expect(story.link.state.attempts).toHaveLength(2);
    story.loses(second);
    story.reads('external', 'o', { revision: '13', history: [entry('o', START + 9_000, 'sara'), entry('o', START)] });
    story.shows('external', 'a', { revision: '14' });
    expect(story.link.state.readDue?.external).toMatchObject({ blocks: true });
    expect(story.verdicts.at(-1)).toMatchObject({ verdict: 'in_flight' });
    expect(planWork(story.link, story.context, story.now, 'next')).toMatchObject({ kind: 'read', side: 'external' });
  });

  it('an earlier edit to the same value is not our write', () => {
    const story = new Story({ external: HISTORY }).agreed();
    story.shows('bevatel', 'a', { revision: '11' });
    const write = story.sends('external', { company: START + 5 });
    story.reads('external', 'a', { revision: '11', history: [entry('a', START + 3, 'sara'), entry('o', START)] });
    expect(story.link.state.attempts).toEqual([write]);
  });

  it('an answer whose read-back failed proves no guarded write: its record is read until the histories tell of the edit beneath', () => {
    const story = new Story({ external: HISTORY }).agreed();
    story.shows('bevatel', 'c', { revision: '11' });
    story.pass(50).applied(story.sends('external', GUARD), 'c', { revision: '12' });
    expect(planWork(story.link, story.context, story.now, 'next')).toMatchObject({ kind: 'read', side: 'external' });
    story.reads('external', 'c', { revision: '12', history: [entry('c', START + 40), entry('b', START + 30, 'sara'), entry('o', START)] });
    expect(story.group().held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['b'], detail: 'sara' });
  });

  it('an edit overwritten in flight waits for the operator, although the other side moves on', () => {
    const story = new Story({ external: HISTORY }).agreed();
    story.shows('bevatel', 'c', { revision: '11' });
    const write = story.sends('external', GUARD);
    const history = [entry('c', START + 300), entry('a', START + 200, 'sara'), entry('o', START)];
    story.pass(400).applied(write, 'c', { revision: '12', readBack: story.readBack('external', 'c', { revision: '12', history }) });
    story.shows('bevatel', 'o', { revision: '12' });
    expect(story.group().held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['a'], bevatel: ['o'] });
  });
});

describe('a strict external system', () => {
  it('I3: an unresolved write is looked at once more when it cannot land any more, not for ever', () => {
    const story = new Story({ external: STRICT }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external');
    story.loses(write).reads('external', 'o', { revision: '10' });
    story.shows('bevatel', 'o', { revision: '12' });
    expect(story.link.state.attempts).toMatchObject([{ status: 'unresolved' }]);
    const due = dueOf(story.link, story.now);
    expect(due?.at).toBe(write.deadline + 3_600_000);
    story.pass((due?.at ?? 0) - story.now);
    expect(planWork(story.link, story.context, story.now, 'next')).toMatchObject({ kind: 'read', side: 'external' });
    story.reads('external', 'o', { revision: '10' });
    expect(story.link.state.attempts).toEqual([]);
    expect(dueOf(story.link, story.now)).toBeNull();
  });
});
