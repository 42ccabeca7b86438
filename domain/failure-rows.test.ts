/** Rows of the failure matrix (design §10) that speak of values and clocks alone, for each kind of external system. */
import { describe, expect, it } from 'vitest';
import { SyncError } from '../schemas/errors.ts';
import { HISTORY, NONE, STRICT } from './testing/context.ts';
import { entry, START, Story } from './testing/story.ts';

const SYSTEMS = [['strict', STRICT], ['approximate with history', HISTORY], ['without revisions', NONE]].map(([kind, external]) => ({ kind: kind as string, external: external as typeof STRICT }));
const GUARD = { company: START };
const HOURS = 3_600_000;

/** What a system makes of what it is sent. */
const NORMALISED = [
  { how: 'escapes HTML', sent: 'Tom & <Sons>', stored: 'Tom &amp; &lt;Sons&gt;' },
  { how: 'changes the case', sent: 'Najd Trading', stored: 'NAJD TRADING' },
  { how: 'drops spaces at the ends', sent: ' Najd  Trading ', stored: 'Najd Trading' },
  { how: 'truncates', sent: 'شركة نجد للتجارة والمقاولات', stored: 'شركة نجد للتجارة' },
];

describe.each(SYSTEMS)('value normalised by a system that is $kind', ({ external }) => {
  it.each(NORMALISED)('I3: a system that $how is not answered again, and the other side keeps its own', ({ sent, stored }) => {
    const story = new Story({ external }).agreed();
    story.shows('bevatel', sent, { revision: '11' });
    const history = [entry(stored, START + 20), entry('o', START)];
    story.applied(story.sends('external', GUARD), stored, { revision: '11', readBack: story.readBack('external', stored, { revision: '11', history }) });
    expect(story.group().base).toEqual([[sent], [stored]]);
    expect(story.wanted()).toBeNull();
    story.reads('external', stored, { revision: '11', history });
    story.shows('bevatel', sent, { revision: '11' });
    expect([story.wanted(), story.conflicts()]).toEqual([null, []]);
  });

  it('I2: an edit of the normalised value is an edit', () => {
    const story = new Story({ external }).agreed();
    story.shows('bevatel', 'Tom & Sons', { revision: '11' });
    const history = [entry('Tom &amp; Sons', START + 20), entry('o', START)];
    story.applied(story.sends('external', GUARD), 'Tom &amp; Sons', { revision: '11', readBack: story.readBack('external', 'Tom &amp; Sons', { revision: '11', history }) });
    story.reads('external', 'Tom & Daughters', { revision: '12', history: [entry('Tom & Daughters', START + 40, 'sara'), ...history] });
    expect(story.wanted()).toBe('bevatel:Tom & Daughters');
  });
});

describe.each(SYSTEMS.flatMap((system) => [-5 * HOURS, 5 * HOURS].map((skew) => ({ ...system, skew }))))('a clock that is off by $skew ms ($kind)', ({ external, skew }) => {
  it('I5: edits one after the other go over, whatever their clocks say', () => {
    const story = new Story({ external }).agreed();
    story.pass(60_000).shows('bevatel', 'b', { revision: '11', at: story.now });
    const history = [entry('b', story.now + skew), entry('o', START + skew)];
    story.applied(story.sends('external', { company: START + skew }), 'b', { revision: '11', at: story.now + skew, readBack: story.readBack('external', 'b', { revision: '11', at: story.now + skew, history }) });
    story.pass(60_000);
    story.reads('external', 'c', { revision: '12', at: story.now + skew, history: [entry('c', story.now + skew, 'sara'), ...history] });
    expect(story.wanted()).toBe('bevatel:c');
    story.applied(story.sends('bevatel'), 'c', { revision: '12' });
    story.pass(60_000).shows('bevatel', 'd', { revision: '13', at: story.now });
    expect([story.wanted(), story.conflicts()]).toEqual(['external:d', []]);
  });

  it('I2: it may choose the winner of a real conflict, but the loser stands in a verdict with its time', () => {
    const story = new Story({ external }).agreed();
    story.pass(60_000).shows('bevatel', 'b', { revision: '11', at: story.now });
    const edited = story.now + skew;
    story.pass(60_000).reads('external', 'c', { revision: '11', at: edited, history: [entry('c', edited, 'sara'), entry('o', START + skew)] });
    expect(story.verdicts.at(-1)).toMatchObject({
      verdict: 'conflict_resolved', conflict: 'update_update_same_field', bevatel: ['b'], external: ['c'], bevatelAt: START + 60_010, externalAt: edited,
    });
  });
});

describe.each(SYSTEMS)('schema change of a system that is $kind', ({ external }) => {
  const fields = [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'custom.job_title', external: 'jobtitle' }];
  const two = (): Story => {
    const story = new Story({ external, fields });
    story.shows('bevatel', { company_name: 'o', 'custom.job_title': 'owner' }, { revision: '10' });
    story.shows('external', { company: 'o', jobtitle: 'owner' }, { revision: '10' });
    return story.pass(10);
  };

  it('I2: a field that was removed is absent, not blank: nothing is blanked on the other side', () => {
    const story = two();
    story.reads('external', { company: 'o' }, { revision: '11' });
    expect([story.wanted('company_name'), story.wanted('custom.job_title')]).toEqual([null, null]);
  });

  it('I8: a value that the system takes no more holds its own field; the others go over', () => {
    const story = two();
    story.shows('bevatel', { company_name: 'b', 'custom.job_title': 'gone option' }, { revision: '11' });
    const write = story.sends('external', { company: START, jobtitle: START });
    story.answered('external', { kind: 'rejected', attemptId: write.id, error: new SyncError('value_rejected', 'no such option'), fields: ['jobtitle'] });
    expect(story.group('custom.job_title').held).toMatchObject({ type: 'rejected', detail: 'value_rejected' });
    expect(story.wanted('company_name')).toBe('external:b');
    expect(Object.keys(story.sends('external', { company: START, jobtitle: START }).groups)).toEqual(['company_name']);
  });
});
