/** Counterexamples that the simulator found (docs/simulation.md), each told as short as it is: what must never happen again. */
import { describe, expect, it } from 'vitest';
import type { HistoryEntry } from '../schemas/change.ts';
import { decideLink } from './decide-link.ts';
import { createNotFound } from './outcome.ts';
import { HISTORY, NONE } from './testing/context.ts';
import { entry, NEW_LINK, START, Story } from './testing/story.ts';

const TWO_FIELDS = [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'custom.job_title', external: 'jobtitle' }];
const both = (value: string) => ({ bevatel: { company_name: value, 'custom.job_title': value }, external: { company: value, jobtitle: value } });

function agreedOnTwo(): Story {
  const story = new Story({ fields: TWO_FIELDS });
  story.shows('bevatel', both('o').bevatel, { revision: '10' });
  story.shows('external', both('o').external, { revision: '10' });
  return story.pass(10);
}

describe('hub and spoke', () => {
  it('I2: the value that another integration wrote alike does not prove our write of another field', () => {
    const story = agreedOnTwo();
    story.shows('external', { company: 'lead', jobtitle: 'owner' }, { revision: '11' });
    const write = story.sends('bevatel');
    story.shows('bevatel', { company_name: 'lead', 'custom.job_title': 'o' }, { revision: '11' });
    expect(story.wanted('custom.job_title')).toBe('bevatel:owner');
    expect(story.group('custom.job_title').base).toEqual([['o'], ['o']]);
    expect(story.link.state.attempts).not.toContainEqual(write);
  });

  it('I2: nor where the other integration wrote another value into the other field', () => {
    const story = agreedOnTwo();
    story.shows('external', { company: 'lead', jobtitle: 'owner' }, { revision: '11' });
    const write = story.sends('bevatel');
    const theirs = { company_name: 'lead', 'custom.job_title': 'agent' };
    story.shows('bevatel', theirs, { revision: '11' });
    story.answered('bevatel', { kind: 'moved', attemptId: write.id, record: story.record('bevatel', theirs, { revision: '11' }) });
    expect(story.group('custom.job_title').base).toEqual([['o'], ['o']]);
    expect(story.conflicts()).toContain('update_update_same_field');
  });

  it('I2: nor when the revision that our write would have made is skipped', () => {
    const story = agreedOnTwo();
    story.shows('external', { company: 'lead', jobtitle: 'owner' }, { revision: '11' });
    story.sends('bevatel');
    story.shows('bevatel', { company_name: 'lead', 'custom.job_title': 'o' }, { revision: '12' });
    expect(story.group('custom.job_title').base).toEqual([['o'], ['o']]);
    expect(story.wanted('custom.job_title')).not.toBe('external:o');
  });
});

describe('a system with histories that keeps values in a form of its own', () => {
  const history = [entry('NAJD', START + 60), entry('HAIL', START + 40, 'sara'), entry('o', START)];

  it('I2: the edit beneath our write is found by the read after the answer, whatever form our value took', () => {
    const story = new Story({ external: HISTORY }).agreed();
    story.shows('bevatel', 'Najd', { revision: '11' });
    const write = story.sends('external', { company: START });
    story.applied(write, 'NAJD', { revision: '12', at: START + 60, readBack: story.readBack('external', 'NAJD', { revision: '12', at: START + 60, history }) });
    expect(story.group().held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['HAIL'], detail: 'sara' });
  });

  it('I2: and by a later read, when no answer came', () => {
    const story = new Story({ external: HISTORY }).agreed();
    story.shows('bevatel', 'Najd', { revision: '11' });
    story.loses(story.sends('external', { company: START })).reads('external', 'NAJD', { revision: '12', at: START + 60, history });
    expect(story.group()).toMatchObject({ base: [['Najd'], ['NAJD']], held: { type: 'overwritten_in_flight', overwritten: ['HAIL'] } });
  });
});

describe('a system whose reads may lag', () => {
  it('I2: the read after the answer is repeated when it shows the record before our write', () => {
    const story = new Story({ external: { ...HISTORY, stalenessWindowMs: 3_000 } }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    const write = story.sends('external', { company: START });
    const before = { record: story.record('external', 'o', { revision: '10', at: START, history: [entry('o', START)] }), from: story.now, to: story.now };
    story.applied(write, 'b', { revision: '12', at: START + 60, readBack: before });
    expect(story.link.state.readDue?.external).toEqual({ at: story.now + 3_000, blocks: false });
    story.pass(3_000).reads('external', 'b', { revision: '12', at: START + 60, history: [entry('b', START + 60), entry('h', START + 40, 'sara'), entry('o', START)] });
    expect(story.group().held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['h'] });
  });
});

describe('a system that tells nothing', () => {
  it('I2: a hung write is not proven by the one of its values that somebody typed, while another stands as before', () => {
    const story = new Story({ external: NONE, fields: TWO_FIELDS });
    story.shows('bevatel', both('o').bevatel, { revision: '10' });
    story.shows('external', both('o').external);
    story.shows('bevatel', { company_name: 'b', 'custom.job_title': 'owner' }, { revision: '11' });
    story.loses(story.sends('external')).reads('external', { company: 'b', jobtitle: 'o' });
    expect(story.wanted('custom.job_title')).toBe('external:owner');
    expect(story.group('company_name').base).toEqual([['b'], ['b']]);
  });

  it('I2: a hung write is not proven by the value that another write of ours put there; it may still land on a newer one', () => {
    const story = new Story({ external: NONE }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    story.loses(story.sends('external')).reads('external', 'o');
    story.applied(story.sends('external'), 'b');
    story.reads('external', 'b');
    story.shows('bevatel', 'c', { revision: '12' });
    story.applied(story.sends('external'), 'c');
    story.reads('external', 'c');
    story.reads('external', 'b');
    expect(story.wanted()).toBe('external:c');
    expect(story.group().base).toEqual([['b'], ['b']]);
  });
});

describe('two writes that hung and sent the same', () => {
  /** `b` is written in vain, then again with the owner, which lands; whoever reads it next knows that it was the second. */
  const hungTwice = (): { readonly story: Story; readonly first: string; readonly written: { company: HistoryEntry[]; jobtitle: HistoryEntry[] } } => {
    const story = new Story({ external: HISTORY, fields: TWO_FIELDS });
    story.shows('bevatel', both('o').bevatel, { revision: '10' });
    story.shows('external', both('o').external, { revision: '10' });
    const before = [entry('o', START)];
    story.pass(10).shows('bevatel', { company_name: 'b', 'custom.job_title': 'o' }, { revision: '11' });
    const first = story.sends('external', { company: START, jobtitle: START });
    story.loses(first).reads('external', both('o').external, { revision: '10', histories: { company: before, jobtitle: before } });
    story.shows('bevatel', { company_name: 'b', 'custom.job_title': 'owner' }, { revision: '12' });
    story.sends('external', { company: START, jobtitle: START });
    const written = { company: [entry('b', START + 20_000), ...before], jobtitle: [entry('owner', START + 20_000), ...before] };
    story.reads('external', { company: 'b', jobtitle: 'owner' }, { revision: '1000020', at: START + 20_000, histories: written });
    return { story, first: first.id, written };
  };

  it('I2: the one of which another value was entered at the same moment has landed; the other may still land', () => {
    const { story, first, written } = hungTwice();
    expect(story.link.state.attempts.map(({ id, status }) => [id, status])).toEqual([[first, 'unresolved']]);
    story.reads('external', { company: 'b', jobtitle: 'owner' }, { revision: '1000020', at: START + 20_000, histories: written });
    expect(story.link.state.attempts).toHaveLength(1);
  });

  it('I2: an edit beneath the other, when it lands after all, is held', () => {
    const { story, written } = hungTwice();
    const edited = [entry('x', START + 30_000, 'sara'), ...written.company];
    story.reads('external', { company: 'x', jobtitle: 'owner' }, { revision: '1000030', at: START + 30_000, histories: { ...written, company: edited } });
    story.reads('external', { company: 'b', jobtitle: 'owner' }, { revision: '1000050', at: START + 50_000, histories: { ...written, company: [entry('b', START + 50_000), ...edited] } });
    expect(story.group('company_name').held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['x'], detail: 'sara' });
  });
});

describe('a creation that hung and lands, as an upsert, over the record that the next try made', () => {
  /** `o` is created in vain, then again; the record is edited in Bevatel, and the first try lands over that. */
  const twice = (external: typeof HISTORY): Story => {
    const story = new Story({ external }, { ...NEW_LINK, externalId: null });
    story.shows('bevatel', 'o', { revision: '10', reference: null });
    const first = story.sends('external');
    story.loses(first);
    story.link = decideLink(createNotFound(story.link, 'external', first.id, story.context), story.context, story.now).link;
    story.applied(story.sends('external'), 'o', { revision: '1000020', at: START + 20_000, reference: 'B1' });
    story.shows('bevatel', 'b', { revision: '11' });
    return story;
  };

  it('I2: is known for ours by its entry in the histories', () => {
    const story = twice(HISTORY);
    const written = [entry('b', START + 25_000), entry('o', START + 20_000)];
    story.applied(story.sends('external', { company: START + 20_000 }), 'b', { revision: '1000025', at: START + 25_000, readBack: story.readBack('external', 'b', { revision: '1000025', at: START + 25_000, history: written }) });
    story.reads('external', 'o', { revision: '1000030', at: START + 30_000, history: [entry('o', START + 30_000), ...written] });
    expect(story.wanted()).toBe('external:b');
    expect(story.conflicts()).toEqual([]);
  });

  it('I2: and by its value where there are none', () => {
    const story = twice(NONE);
    story.applied(story.sends('external'), 'b');
    story.reads('external', 'o');
    expect(story.wanted()).toBe('external:b');
  });

  it('I2: is not proven by a record that somebody made of the same person', () => {
    const story = new Story({ external: NONE, fields: TWO_FIELDS }, { ...NEW_LINK, externalId: null });
    story.shows('bevatel', both('o').bevatel, { revision: '10', reference: null });
    const first = story.sends('external');
    story.loses(first);
    story.link = { ...decideLink(createNotFound(story.link, 'external', first.id, story.context), story.context, story.now).link, externalId: 'X1' };
    story.reads('external', { company: 'o', jobtitle: 'owner' }, { reference: null });
    expect(story.group('custom.job_title').held).toMatchObject({ type: 'create_create' });
  });
});

describe('a write that hung while its record was deleted and restored', () => {
  /** `b` is written in vain, then again; the record goes and comes back, takes `c`, and the first try lands over that. */
  const restored = (external: typeof HISTORY): Story => {
    const story = new Story({ external }).agreed();
    story.shows('bevatel', 'b', { revision: '11' });
    story.loses(story.sends('external', { company: START })).reads('external', 'o', { history: [entry('o', START)] });
    story.applied(story.sends('external', { company: START }), 'b', { revision: '1000020', at: START + 20_000, readBack: story.readBack('external', 'b', { revision: '1000020', at: START + 20_000, history: [entry('b', START + 20_000), entry('o', START)] }) });
    story.pass(10).deletes('external');
    story.pass(10).reads('external', 'b', { revision: '1000020', history: [entry('b', START + 20_000), entry('o', START)] });
    story.pass(10).shows('bevatel', 'c', { revision: '12' });
    return story;
  };

  it('I2: is known for ours by its entry in the histories when it lands after all', () => {
    const story = restored(HISTORY);
    const written = [entry('c', START + 40_000), entry('b', START + 20_000), entry('o', START)];
    story.applied(story.sends('external', { company: START + 20_000 }), 'c', { revision: '1000040', at: START + 40_000, readBack: story.readBack('external', 'c', { revision: '1000040', at: START + 40_000, history: written }) });
    story.reads('external', 'b', { revision: '1000050', at: START + 50_000, history: [entry('b', START + 50_000), ...written] });
    expect(story.wanted()).toBe('external:c');
  });

  it('I2: and by its value where there are none', () => {
    const story = restored(NONE);
    story.applied(story.sends('external'), 'c');
    story.reads('external', 'b');
    expect(story.wanted()).toBe('external:c');
  });
});

describe('a conditional write without an answer', () => {
  it('I2: is held as soon as its deadline is over, where the revision that it could have made was shown with a third value and is not shown again', () => {
    const story = new Story().agreed();
    story.shows('external', 'x', { revision: '11' });
    const write = story.sends('bevatel');
    story.shows('bevatel', 'b', { revision: '11' });
    story.shows('bevatel', 'c', { revision: '12' });
    expect(story.group().held).toBeUndefined();
    story.loses(write).pass(2_000);
    story.reads('bevatel', 'c', { revision: '12' });
    expect(story.group().held).toMatchObject({ type: 'unknown_outcome', bevatel: ['c'], external: ['x'] });
    expect(story.link.state.attempts).toEqual([]);
  });
});
