/**
 * The traces that broke earlier drafts of the algorithm (docs: design §5–§6), each as a test of what must not happen.
 *
 * `P:=v` is a write of ours, `P:v→w` an edit by a person; all values start at `o`, all revisions at 10.
 */
import { describe, expect, it } from 'vitest';
import { exactly } from './time.ts';
import { HISTORY, NONE, STRICT } from './testing/context.ts';
import { entry, START, Story } from './testing/story.ts';
import { otherSide, SIDES } from '../schemas/value.ts';

const KINDS = [['strict', STRICT], ['approximate with history', HISTORY], ['without revisions', NONE]] as const;
const SYSTEMS = KINDS.map(([kind, external]) => ({ kind, external }));
/** Each side as the target of our write, for each kind of external system. */
const TARGETS = SYSTEMS.flatMap((system) => SIDES.map((target) => ({ ...system, target, source: otherSide(target) })));
const GUARD = { company: START };

describe.each(TARGETS)('trace 1: the source goes back while the answer is lost ($kind, writing to $target)', ({ external, target, source }) => {
  it('does not take our own value for an edit (I2, I5)', () => {
    const story = new Story({ external }).agreed();
    story.reads(source, 'b', { revision: '11' });
    const write = story.sends(target, GUARD);
    story.reads(source, 'o', { revision: '12' });
    expect(story.verdicts.at(-1)).toMatchObject({ verdict: 'in_flight' });
    story.loses(write).reads(target, 'b', { revision: '11', history: [entry('b', START + 50)] });
    expect(story.wanted()).toBe(`${target}:o`);
    expect(story.conflicts()).toEqual([]);
  });
});

describe.each(SYSTEMS)('trace 2: a hung write lands after its source moved on ($kind)', ({ external }) => {
  it('proves the late landing instead of seeing a conflict', () => {
    const story = new Story({ external }).agreed();
    story.shows('bevatel', 'A', { revision: '11' });
    const write = story.sends('external', GUARD);
    story.loses(write).reads('external', 'o', { revision: '10' });
    expect(story.link.state.attempts).toMatchObject([{ id: write.id, status: 'unresolved' }]);
    story.shows('bevatel', 'b', { revision: '12' });
    expect(story.wanted()).toBe('external:b');
    story.reads('external', 'A', { revision: '11', history: [entry('A', START + 50_000)] });
    expect(story.group().base).toEqual([['A'], ['A']]);
    expect(story.wanted()).toBe('external:b');
    expect(story.conflicts()).toEqual([]);
    expect(story.link.state.attempts).toEqual([]);
  });
});

describe.each(TARGETS.filter(({ external, target }) => target === 'bevatel' || external === STRICT))('trace 3: an edit on top of our unanswered write (strict $target)', ({ external, target, source }) => {
  it.each([['change data capture first', true], ['the read by id overtakes it', false]])('%s', (_name, isInOrder) => {
    const story = new Story({ external }).agreed();
    story.reads(source, 'b', { revision: '11' });
    const write = story.sends(target);
    if (isInOrder) story.shows(target, 'b', { revision: '11' });
    story.loses(write).reads(target, 'c', { revision: '12' });
    if (!isInOrder) {
      expect(story.verdicts.at(-1)).toMatchObject({ verdict: 'in_flight' });
      story.pass(50).shows(target, 'b', { revision: '11', from: story.now - 20_000 });
    }
    expect(story.wanted()).toBe(`${source}:c`);
    expect(story.conflicts()).toEqual([]);
    expect(story.link.state.seen[target]).toMatchObject({ revision: '12' });
  });
});

describe('trace 3: an edit on top of our unanswered write (external)', () => {
  it('is told by the history', () => {
    const story = new Story({ external: HISTORY }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external', GUARD);
    story.loses(write).reads('external', 'c', { revision: '12', history: [entry('c', START + 90, 'sara'), entry('b', START + 50)] });
    expect(story.wanted()).toBe('bevatel:c');
    expect(story.conflicts()).toEqual([]);
  });

  it('is held where nothing can tell', () => {
    const story = new Story({ external: NONE }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external');
    story.loses(write).reads('external', 'c');
    expect(story.group().held).toMatchObject({ type: 'unknown_outcome', bevatel: ['b'], external: ['c'] });
    expect(story.wanted()).toBeNull();
  });

  it('is held when the revision that would tell never comes', () => {
    const story = new Story({ external: STRICT }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external');
    story.loses(write).reads('external', 'c', { revision: '12' });
    story.pass(600_000).reads('external', 'c', { revision: '12' });
    expect(story.group().held).toMatchObject({ type: 'unknown_outcome' });
    expect(story.link.state.attempts).toEqual([]);
  });
});

describe('trace 4: two edits that share an approximate revision', () => {
  it('are both folded: the second by a read begun after the first', () => {
    const story = new Story({ external: HISTORY }).agreed();
    const from = story.now;
    story.reads('external', 'a', { revision: '11' });
    story.shows('external', 'c', { revision: '11', readById: true, from });
    expect(story.link.state.readDue?.external).toMatchObject({ blocks: false });
    expect(story.wanted()).toBe('bevatel:a');
    story.reads('external', 'c', { revision: '11' });
    expect(story.wanted()).toBe('bevatel:c');
    expect(story.link.state.readDue).toBeUndefined();
  });
});

describe('trace 5: hub and spoke', () => {
  it('does not let our own apply time beat a later edit (I5)', () => {
    const story = new Story().agreed();
    story.shows('external', 'h', { revision: '11', at: START + 20_000 });
    story.ownTimes = (side, _field, value) => (side === 'bevatel' && value === 'd' ? exactly(START + 10_000, 'nora') : null);
    story.shows('bevatel', 'd', { revision: '11', at: START + 30_000 });
    expect(story.verdicts.at(-1)).toMatchObject({ verdict: 'conflict_resolved', rule: 'policy:latest_wins', bevatelAt: START + 10_000, bevatelActor: 'nora' });
    expect(story.wanted()).toBe('bevatel:h');
  });
});

describe('trace 6: a late write over an edit, without conditional writes', () => {
  /** B:o→A, X:=A hangs and its closing read still shows `o`. */
  const hung = (): Story => {
    const story = new Story({ external: HISTORY }).agreed();
    story.shows('bevatel', 'A', { revision: '11' });
    story.loses(story.sends('external', GUARD)).reads('external', 'o', { revision: '10', history: [entry('o', START)] });
    return story;
  };

  it('is noticed in the history (I2)', () => {
    const story = hung();
    story.reads('external', 'A', { revision: '13', history: [entry('A', START + 30_000), entry('h', START + 20_000, 'sara'), entry('o', START)] });
    expect(story.group().held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['h'], detail: 'sara' });
    expect(story.wanted()).toBeNull();
  });

  it('is noticed also when the same value was sent again and answered before the edit (I2)', () => {
    const story = hung();
    const resent = START + 15_000;
    const answer = story.readBack('external', 'A', { revision: '11', history: [entry('A', resent), entry('o', START)] });
    story.applied(story.sends('external', GUARD), 'A', { revision: '11', at: resent, readBack: answer });
    expect(story.link.state.attempts).toHaveLength(1);
    const before = [entry('h', START + 20_000, 'sara'), entry('A', resent), entry('o', START)];
    story.reads('external', 'h', { revision: '12', history: before });
    story.applied(story.sends('bevatel'), 'h', { revision: '12' });
    story.reads('external', 'A', { revision: '13', history: [entry('A', START + 30_000), ...before] });
    expect(story.group().held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['h'], detail: 'sara' });
    expect(story.wanted()).toBeNull();
  });

  it('is proven when it lands over a write of ours that was answered', () => {
    const story = hung();
    story.shows('bevatel', 'b', { revision: '12' });
    story.applied(story.sends('external', GUARD), 'b', { revision: '11' });
    expect(story.group().base).toEqual([['b'], ['b']]);
    story.reads('external', 'A', { revision: '12', history: [entry('A', START + 30_000), entry('b', START + 20_000), entry('o', START)] });
    expect(story.wanted()).toBe('external:b');
    expect(story.conflicts()).toEqual([]);
  });

  it('is proven also when the read after that answer is the first to show it', () => {
    const story = hung();
    story.shows('bevatel', 'b', { revision: '12' });
    const second = story.sends('external', GUARD);
    const history = [entry('A', START + 20_001), entry('b', START + 20_000), entry('o', START)];
    story.pass(100).applied(second, 'b', { revision: '11', at: START + 20_000, readBack: story.readBack('external', 'A', { revision: '12', at: START + 20_001, history }) });
    expect(story.group().base).toEqual([['A'], ['A']]);
    expect(story.wanted()).toBe('external:b');
    expect(story.conflicts()).toEqual([]);
  });

  it('is the base when it lands over a write of ours that was not answered: the last to land counts', () => {
    const story = hung();
    story.shows('bevatel', 'b', { revision: '12' });
    const second = story.sends('external', GUARD);
    story.loses(second).reads('external', 'A', { revision: '12', history: [entry('A', START + 30_000), entry('b', START + 20_000), entry('o', START)] });
    expect(story.group().base).toEqual([['A'], ['A']]);
    expect(story.wanted()).toBe('external:b');
    expect(story.conflicts()).toEqual([]);
  });

  it('is no proof when the system names another as the writer of the same value', () => {
    const story = hung();
    story.shows('bevatel', 'b', { revision: '12' });
    story.reads('external', 'A', { revision: '12', history: [entry('A', START + 30_000, 'sara'), entry('o', START)] });
    expect(story.group().base).toEqual([['o'], ['o']]);
    expect(story.conflicts()).toEqual(['update_update_same_field']);
  });
});

describe('trace 7: what is older than seen', () => {
  it('is not folded where revisions do not tell', () => {
    const story = new Story({ external: NONE }).agreed('b');
    expect(story.shows('external', 'o', { from: story.now - 50, readById: true }).verdict).toBe('read_again');
    expect(story.shows('external', 'o').verdict).toBe('read_again');
    expect(story.wanted()).toBeNull();
    expect(story.link.state.seen.external?.values).toEqual({ company: 'b' });
  });

  it.each(SYSTEMS)('does not overwrite seen when it is the answer to our write ($kind)', ({ external }) => {
    const story = new Story({ external }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external', GUARD);
    story.reads('external', 'c', { revision: '12' });
    story.pass(100).applied(write, 'b', { revision: '11' });
    expect(story.link.state.seen.external?.values).toEqual({ company: 'c' });
    expect(story.group().base).toEqual([['b'], ['b']]);
    if (external !== STRICT) {
      expect(story.link.state.readDue?.external).toMatchObject({ blocks: true });
      story.reads('external', 'c', { revision: '12' });
    }
    expect(story.wanted()).toBe('bevatel:c');
    expect(story.conflicts()).toEqual([]);
  });
});

describe('trace 8: an edit between our write and its answer', () => {
  it('is not dated by the receipt of the answer', () => {
    const story = new Story().agreed();
    story.shows('external', 'b', { revision: '11' });
    const write = story.sends('bevatel');
    const sentAt = story.now;
    story.pass(8_000).applied(write, 'b', { revision: '11' });
    story.pass(10).shows('bevatel', 'c', { revision: '12' });
    expect(story.link.state.seen.bevatel?.times.company_name).toEqual({ from: sentAt, to: story.now, actor: null });
    story.shows('external', 'h', { revision: '12', at: sentAt + 4_000 });
    expect(story.group().held).toMatchObject({ type: 'update_update_same_field' });
  });
});

describe('trace 9: the same pair again, edited since', () => {
  it('has no verdict yet, although its values are those of an old one', () => {
    const story = new Story().agreed();
    story.shows('external', 'A', { revision: '11', at: START + 10_000 });
    story.shows('bevatel', 'c', { revision: '11', at: START + 20_000 });
    expect(story.wanted()).toBe('external:c');
    story.shows('external', 'A', { revision: '13', at: START + 30_000 });
    expect(story.wanted()).toBe('bevatel:A');
  });

  it('is decided anew when it was held, and only then', () => {
    const story = new Story().agreed();
    story.shows('external', 'A', { revision: '11', at: START + 19_000 });
    story.shows('bevatel', 'c', { revision: '11', at: START + 20_000 });
    const { held } = story.group();
    expect(held).toMatchObject({ type: 'update_update_same_field' });
    story.pass(50).shows('external', 'A', { revision: '12', at: START + 19_000 });
    expect(story.group().held).toBe(held);
    story.shows('external', 'A', { revision: '14', at: START + 30_000 });
    expect(story.group().held).toBeUndefined();
    expect(story.wanted()).toBe('bevatel:A');
  });
});

describe('trace 10: our value, an edit, our value again', () => {
  it.each(SYSTEMS)('the edit that a read saw does not stay on the other side ($kind)', ({ external }) => {
    const story = new Story({ external }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const answered = [entry('b', START + 50), entry('o', START)];
    story.applied(story.sends('external', GUARD), 'b', { revision: '11', readBack: story.readBack('external', 'b', { revision: '11', history: answered }) });
    story.reads('external', 'c', { revision: '12' });
    const write = story.sends('bevatel');
    story.reads('external', 'b', { revision: '13' });
    story.applied(write, 'c', { revision: '12' });
    expect(story.wanted()).toBe('bevatel:b');
  });
});

describe('trace 11: undeclared truncation and a lost answer', () => {
  const written = (external: typeof STRICT): { story: Story; write: ReturnType<Story['sends']> } => {
    const story = new Story({ external, policy: 'external_wins' }).agreed();
    story.shows('bevatel', 'long name', { revision: '11' });
    return { story, write: story.sends('external', GUARD) };
  };

  it.each(SYSTEMS)('does not copy the truncated value back ($kind)', ({ external }) => {
    const { story, write } = written(external);
    story.loses(write).reads('external', 'long', { revision: '11', ...(external.history ? { history: [entry('long', START + 50), entry('o', START)] } : {}) });
    expect(story.wanted()).toBeNull();
    if (external.history) expect(story.group().base).toEqual([['long name'], ['long']]);
    else expect(story.group().held).toMatchObject({ type: 'unknown_outcome' });
  });

  it.each(SYSTEMS)('nor when its image overtakes the answer ($kind)', ({ external }) => {
    const { story, write } = written(external);
    story.reads('external', 'long', { revision: '11' });
    story.pass(10).applied(write, 'long', { revision: '11' });
    if (story.link.state.readDue?.external) story.reads('external', 'long', { revision: '11' });
    expect(story.group().base).toEqual([['long name'], ['long']]);
    expect(story.wanted()).toBeNull();
    expect(story.conflicts()).toEqual([]);
  });
});
