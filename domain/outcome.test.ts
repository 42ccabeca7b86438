/** Outcomes as facts: what each answer makes of base, seen, wanted and the attempt (design §6). */
import { describe, expect, it } from 'vitest';
import { SyncError } from '../schemas/errors.ts';
import type { RecordImage } from '../schemas/record.ts';
import { createFound, createNotFound } from './outcome.ts';
import { EMPTY_STATE } from './link.ts';
import { HISTORY, NONE, STRICT } from './testing/context.ts';
import { entry, NEW_LINK, START, Story } from './testing/story.ts';
import type { Attempt } from './link.ts';

const TWO_FIELDS = [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'email', external: 'email', lens: 'email' }];

/** B:o→b and X:=b is under way. */
function writing(external = STRICT, more: object = {}): { story: Story; write: Attempt } {
  const story = new Story({ external, ...more }).agreed();
  story.shows('bevatel', 'b', { revision: '11', at: START + 5, actor: 'nora' });
  return { story, write: story.sends('external', { company: START }) };
}

describe('applied', () => {
  it('I3: the answer settles the group, and the echo wants nothing', () => {
    const { story, write } = writing();
    story.pass(50).applied(write, 'b', { revision: '11' });
    expect(story.group()).toEqual({ base: [['b'], ['b']], trail: story.group().trail });
    expect(story.link.state.attempts).toEqual([]);
    expect(story.shows('external', 'b', { revision: '11' }).verdict).toBe('echo');
    expect(story.shows('external', 'b', { revision: '11' }).groups).toEqual([]);
  });

  it('the base is the pair of what was sent and what was stored: a system may normalise', () => {
    const { story, write } = writing();
    story.applied(write, 'B GmbH', { revision: '11' });
    expect(story.group().base).toEqual([['b'], ['B GmbH']]);
    expect(story.wanted()).toBeNull();
  });

  it('wanted loses exactly what was sent: an edit since is wanted anew', () => {
    const { story, write } = writing();
    story.shows('bevatel', 'c', { revision: '12' });
    story.applied(write, 'b', { revision: '11' });
    expect(story.group().base).toEqual([['b'], ['b']]);
    expect(story.wanted()).toBe('external:c');
    expect(story.conflicts()).toEqual([]);
  });

  it('the written field carries the time and actor of its source, not of our write (I5)', () => {
    const { story, write } = writing();
    story.pass(700).applied(write, 'b', { revision: '11', at: START + 700 });
    expect(story.link.state.seen.external?.times.company).toEqual({ from: START + 5, to: START + 5, actor: 'nora', applied: START + 700 });
    story.shows('external', 'b', { revision: '12', at: START + 700 });
    expect(story.link.state.seen.external?.times.company).toMatchObject({ to: START + 5 });
  });

  it('an edit that the answer brings along has its own time', () => {
    const story = new Story({ fields: TWO_FIELDS, external: HISTORY });
    story.shows('bevatel', { company_name: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('external', { company: 'o', email: 'a@b.de' }, { revision: '10', at: START - 50_000 });
    story.pass(10).shows('bevatel', { company_name: 'b', email: 'a@b.de' }, { revision: '11' });
    const write = story.sends('external');
    story.pass(900).applied(write, { company: 'b', email: 'new@b.de' }, { revision: '11', at: START + 400, actor: 'sara' });
    expect(story.link.state.seen.external?.times.email).toEqual({ from: START + 400, to: START + 400, actor: 'sara' });
    expect(story.wanted('email')).toBe('bevatel:new@b.de');
  });

  it('an answer older than seen sets the base, and leaves the newer edit its value and time (I6)', () => {
    const { story, write } = writing();
    story.shows('external', 'c', { revision: '12', at: START + 9_000, actor: 'sara' });
    story.applied(write, 'b', { revision: '11', at: START + 50 });
    expect(story.link.state.seen.external).toMatchObject({ revision: '12', values: { company: 'c' }, times: { company: { from: START + 9_000, actor: 'sara' } } });
    expect(story.group().base).toEqual([['b'], ['b']]);
    expect(story.wanted()).toBe('bevatel:c');
  });

  it.each([['approximate', HISTORY], ['none', NONE]] as const)('of unknown order it replaces only the value before, and nothing is written until the record is read (%s)', (_kind, external) => {
    const story = new Story({ fields: TWO_FIELDS, external });
    story.shows('bevatel', { company_name: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('external', { company: 'o', email: 'a@b.de' }, { revision: '10' });
    story.pass(10).shows('bevatel', { company_name: 'b', email: 'new@b.de' }, { revision: '11' });
    const write = story.sends('external');
    story.reads('external', { company: 'c', email: 'a@b.de' }, { revision: '12' });
    story.pass(50).applied(write, { company: 'b', email: 'new@b.de' }, { revision: '11' });
    expect(story.link.state.seen.external?.values).toEqual({ company: 'c', email: 'new@b.de' });
    expect(story.wanted()).toBeNull();
    story.shows('external', { company: 'd', email: 'new@b.de' }, { revision: '12', readById: true });
    expect(story.link.state.readDue?.external).toMatchObject({ blocks: true });
    story.reads('external', { company: 'c', email: 'new@b.de' }, { revision: '12' });
    expect(story.wanted()).toBe('bevatel:c');
  });

  it('an attempt that an image proved already is known: its answer is an ordinary image', () => {
    const { story, write } = writing();
    expect(story.shows('external', 'b', { revision: '11' }).verdict).toBe('echo');
    expect(story.group().base).toEqual([['b'], ['b']]);
    story.shows('external', 'c', { revision: '12' });
    story.applied(write, 'b', { revision: '11' });
    expect(story.wanted()).toBe('bevatel:c');
  });
});

describe('applied, with the histories read back (I2)', () => {
  const readBack = (story: Story, shown: string, history: ReturnType<typeof entry>[]): { record: RecordImage; from: number; to: number } =>
    ({ record: story.record('external', shown, { revision: '13', history }), from: story.now + 20, to: story.now + 30 });

  it('finds the edit beneath our write', () => {
    const { story, write } = writing(HISTORY);
    const history = [entry('b', START + 300), entry('h', START + 200, 'sara'), entry('o', START)];
    story.pass(400).applied(write, 'b', { revision: '11', readBack: readBack(story, 'b', history) });
    expect(story.group().held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['h'], external: ['b'], detail: 'sara' });
    expect(story.verdicts.at(-1)).toMatchObject({ verdict: 'conflict_held', conflict: 'overwritten_in_flight' });
    expect(story.wanted()).toBeNull();
  });

  it('finds it also when another edit came on top since', () => {
    const { story, write } = writing(HISTORY);
    const history = [entry('d', START + 500, 'omar'), entry('b', START + 300), entry('h', START + 200, 'sara'), entry('o', START)];
    story.pass(600).applied(write, 'b', { revision: '11', readBack: readBack(story, 'd', history) });
    expect(story.group().held).toMatchObject({ type: 'overwritten_in_flight', overwritten: ['h'], external: ['d'] });
  });

  it('sees nothing in an edit on top of our write', () => {
    const { story, write } = writing(HISTORY);
    const history = [entry('d', START + 500, 'omar'), entry('b', START + 300), entry('o', START)];
    story.pass(600).applied(write, 'b', { revision: '11', readBack: readBack(story, 'd', history) });
    expect(story.group().held).toBeUndefined();
    story.reads('external', 'd', { revision: '13', history });
    expect(story.wanted()).toBe('bevatel:d');
  });

  it('leaves entries alone that stood there at the guard read', () => {
    const { story, write } = writing(HISTORY);
    const history = [entry('b', START + 300), entry('o', START, 'sara'), entry('older', START - 900, 'sara')];
    story.pass(400).applied(write, 'b', { revision: '11', readBack: readBack(story, 'b', history) });
    expect(story.group().held).toBeUndefined();
  });
});

describe('an answer that leaves fields out', () => {
  const answered = (): Story => {
    const story = new Story({ fields: TWO_FIELDS, external: HISTORY });
    story.shows('bevatel', { company_name: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('external', { company: 'o', email: 'a@b.de' }, { revision: '10' });
    story.pass(10).shows('bevatel', { company_name: 'b', email: 'a@b.de' }, { revision: '11' });
    const write = story.sends('external');
    story.pass(50).applied(write, { company: 'b' }, { revision: '12' });
    return story;
  };

  it('I2: says nothing of an edit there before it: its revision is not that of what was left out', () => {
    const story = answered();
    expect(story.link.state.seen.external).toMatchObject({ revision: '12', partial: true });
    story.reads('external', { company: 'b', email: 'new@b.de' }, { revision: '12' });
    expect(story.link.state.seen.external).not.toHaveProperty('partial');
    expect(story.wanted('email')).toBe('bevatel:new@b.de');
  });

  it('is completed by an image of its revision that shows the same', () => {
    const story = answered();
    expect(story.shows('external', { company: 'b', email: 'a@b.de' }, { revision: '12' }).verdict).toBe('echo');
    expect(story.link.state.seen.external).not.toHaveProperty('partial');
  });

  it('I2: shows with the record read back what else was edited', () => {
    const story = new Story({ fields: TWO_FIELDS, external: HISTORY });
    story.shows('bevatel', { company_name: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('external', { company: 'o', email: 'a@b.de' }, { revision: '10' });
    story.pass(10).shows('bevatel', { company_name: 'b', email: 'a@b.de' }, { revision: '11' });
    const write = story.sends('external', { company: START });
    const record = story.record('external', { company: 'b', email: 'new@b.de' }, { revision: '12' });
    story.pass(50).applied(write, { company: 'b' }, { revision: '12', readBack: { record, from: story.now - 20, to: story.now - 10 } });
    expect(story.wanted('email')).toBe('bevatel:new@b.de');
  });
});

describe('never answered, on a strict side', () => {
  it('is refuted by the one revision that it could have made, so that later ones are not waited for in vain', () => {
    const story = new Story({ fields: TWO_FIELDS }).agreed();
    story.shows('bevatel', { company_name: 'b', email: null }, { revision: '11' });
    const write = story.sends('external');
    story.shows('external', { company: 'o', email: 'new@b.de' }, { revision: '11' });
    expect(story.link.state.attempts).toEqual([]);
    story.loses(write).reads('external', { company: 'o', email: 'newer@b.de' }, { revision: '13' });
    expect(story.wanted()).toBe('external:b');
  });

  it('is not refuted by another value there, which may be the form that the system gave ours', () => {
    const { story, write } = writing();
    story.shows('external', 'B', { revision: '11' });
    expect(story.link.state.attempts).toEqual([{ ...write, isUntold: true }]);
  });
});

describe('moved', () => {
  it('wrote nothing; the record that the system shows is folded and decided anew', () => {
    const { story, write } = writing(STRICT, { policy: 'external_wins' });
    story.pass(50).answered('external', { kind: 'moved', attemptId: write.id, record: story.record('external', 'x', { revision: '11' }) });
    expect(story.link.state.attempts).toEqual([]);
    expect(story.wanted()).toBe('bevatel:x');
    expect(story.conflicts()).toEqual(['update_update_same_field']);
  });

  it('has the record read before anything else where the system does not show it', () => {
    const { story, write } = writing();
    story.answered('external', { kind: 'moved', attemptId: write.id, record: null });
    expect(story.link.state.readDue?.external).toMatchObject({ blocks: true });
    expect(story.wanted()).toBe('external:b');
    expect(() => story.sends('external')).toThrow('read');
    story.reads('external', 'o', { revision: '11' });
    expect(story.sends('external').condition).toBe('11');
  });
});

describe('rejected, failed, unknown', () => {
  it('holds the fields that were refused and goes on with the others', () => {
    const story = new Story({ fields: TWO_FIELDS });
    story.shows('bevatel', { company_name: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('external', { company: 'o', email: 'a@b.de' }, { revision: '10' });
    story.shows('bevatel', { company_name: 'b', email: 'new@b.de' }, { revision: '11' });
    const write = story.sends('external');
    story.answered('external', { kind: 'rejected', attemptId: write.id, error: new SyncError('value_rejected', 'no'), fields: ['email'] });
    expect(story.group('email').held).toMatchObject({ type: 'rejected', detail: 'value_rejected' });
    expect(story.wanted('email')).toBeNull();
    expect(story.wanted()).toBe('external:b');
    story.shows('bevatel', { company_name: 'b', email: 'right@b.de' }, { revision: '12' });
    expect(story.wanted('email')).toBe('external:right@b.de');
  });

  it('tells a field that the system no longer has from a value that it does not like', () => {
    const { story, write } = writing();
    story.answered('external', { kind: 'rejected', attemptId: write.id, error: new SyncError('schema_missing', 'gone'), fields: ['company'] });
    expect(story.group().held).toMatchObject({ type: 'schema_missing', detail: 'schema_missing' });
  });

  it('holds all of them when no field is named', () => {
    const { story, write } = writing();
    story.answered('external', { kind: 'rejected', attemptId: write.id, error: new SyncError('unique_taken', 'taken'), fields: [] });
    expect(story.group().held).toMatchObject({ type: 'unique_violation' });
    expect(story.conflicts()).toEqual(['unique_violation']);
  });

  it('tries again after a growing pause, or when the system says', () => {
    const { story, write } = writing();
    story.answered('external', { kind: 'failed', attemptId: write.id, error: new SyncError('system_unavailable', 'down') });
    expect(story.link.state).toMatchObject({ attempts: [], retry: { at: story.now + 250, count: 1 } });
    const second = story.sends('external');
    story.answered('external', { kind: 'failed', attemptId: second.id, error: new SyncError('rate_limited', 'wait', { retryAfterMs: 30_000 }) });
    expect(story.link.state.retry).toEqual({ at: story.now + 30_000, count: 2 });
    story.applied(story.sends('external'), 'b', { revision: '11' });
    expect(story.link.state.retry).toBeUndefined();
  });

  it('keeps the attempt when nobody knows', () => {
    const { story, write } = writing();
    story.answered('external', { kind: 'unknown', attemptId: write.id, error: new SyncError('write_unanswered', 'silence') });
    expect(story.link.state.attempts).toEqual([write]);
    expect(() => story.sends('external')).toThrow('none');
  });
});

describe('gone', () => {
  it('deleted: nothing is written any more, and the last image stays', () => {
    const { story, write } = writing();
    story.answered('external', { kind: 'gone', attemptId: write.id, how: 'deleted', mergedInto: null });
    expect(story.wanted()).toBeNull();
    expect(story.link.state).toMatchObject({ gone: { external: { how: 'deleted' } }, seen: { external: { values: { company: 'o' } } } });
    story.shows('bevatel', 'c', { revision: '12' });
    expect(story.wanted()).toBeNull();
  });

  it('not found: read before it is believed (I9)', () => {
    const { story, write } = writing();
    story.answered('external', { kind: 'gone', attemptId: write.id, how: 'not_found', mergedInto: null });
    expect(story.link.state.gone).toBeUndefined();
    expect(story.link.state.readDue?.external).toMatchObject({ blocks: true });
  });

  it('merged: the link follows and the survivor is read first', () => {
    const { story, write } = writing();
    story.answered('external', { kind: 'gone', attemptId: write.id, how: 'merged', mergedInto: 'X9' });
    expect(story.link.externalId).toBe('X9');
    expect(story.link.state.readDue?.external).toMatchObject({ blocks: true });
  });

  it('erased: every trace goes, and nothing brings it back (I9, I11)', () => {
    const { story, write } = writing();
    story.answered('external', { kind: 'gone', attemptId: write.id, how: 'erased', mergedInto: null });
    const erased = story.link;
    expect(erased).toMatchObject({ erased: true, state: { seen: {}, groups: {}, attempts: [] } });
    story.applied(write, 'b', { revision: '11' });
    story.shows('bevatel', 'c', { revision: '12' });
    story.reads('external', 'b', { revision: '12' });
    expect(story.link).toEqual(erased);
  });

  it('a record that shows itself again is there again', () => {
    const story = new Story().agreed();
    story.deletes('external');
    story.reads('external', 'x', { revision: '12' });
    expect(story.link.state.gone).toBeUndefined();
    expect(story.wanted()).toBe('bevatel:x');
  });
});

describe('creating the partner', () => {
  const oneSided = (): Story => {
    const story = new Story({}, { ...NEW_LINK, externalId: null, state: EMPTY_STATE });
    expect(story.shows('bevatel', 'b', { revision: '10', reference: null }).verdict).toBe('created');
    return story;
  };

  it('applied: the pair stands, with its base', () => {
    const story = oneSided();
    const write = story.sends('external');
    story.applied(write, 'b', { revision: '1', reference: 'B1' });
    expect(story.link.externalId).toBe('external-new');
    expect(story.group().base).toEqual([['b'], ['b']]);
    expect(story.link.state.create).toBeUndefined();
    expect(story.link.state.referenceDue).toEqual(['bevatel']);
  });

  it('I2: found after its answer was lost, what was edited there since is a change, not the form in which the system keeps ours', () => {
    const story = oneSided();
    const write = story.sends('external');
    story.pass(30_000);
    story.link = createFound(story.link, 'external', write.id, story.record('external', 'edited', { revision: '4', reference: 'B1' }), story.context, story.now);
    expect(story.link.externalId).toBe('external-new');
    expect(story.group().base).toEqual([['b'], ['b']]);
    story.reads('external', 'edited', { revision: '5', reference: 'B1' });
    expect(story.wanted()).toBe('bevatel:edited');
  });

  it('found after its answer was lost, it is settled with the form that is shown', () => {
    const story = oneSided();
    const write = story.sends('external');
    story.link = createFound(story.link, 'external', write.id, story.record('external', ' b ', { revision: '4', reference: 'B1' }), story.context, story.now);
    expect(story.group().base).toEqual([['b'], [' b ']]);
    expect(story.link.state.attempts).toEqual([]);
  });

  it('exists: adopted, and read before anything is decided (I4)', () => {
    const story = oneSided();
    const write = story.sends('external');
    story.answered('external', { kind: 'exists', attemptId: write.id, id: 'X7', byReference: true });
    expect(story.link.externalId).toBe('X7');
    expect(story.link.state.create).toBeUndefined();
    expect(story.wanted()).toBeNull();
    story.reads('external', 'x', { revision: '3', reference: 'B1' });
    expect(story.group().held).toMatchObject({ type: 'create_create' });
  });

  it('exists without saying which: held for an operator', () => {
    const story = oneSided();
    const write = story.sends('external');
    story.answered('external', { kind: 'exists', attemptId: write.id, id: null, byReference: false });
    expect(story.link.state.hold).toMatchObject({ kind: 'unique_violation' });
  });

  it('I4: no second create while the first is not known to have failed', () => {
    const story = oneSided();
    const write = story.sends('external');
    expect(story.shows('bevatel', 'c', { revision: '11', reference: null }).verdict).toBe('in_flight');
    expect(story.link.state.create).toBeUndefined();
    story.link = createNotFound(story.link, 'external', write.id, story.context);
    story.shows('bevatel', 'd', { revision: '12', reference: null });
    expect(story.link.state.create).toBe('external');
  });
});
