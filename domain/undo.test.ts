/** Undo as given, when, then: what stands on both sides before, and what is taken back. */
import { describe, expect, it } from 'vitest';
import { isOfRule } from '../schemas/decision.ts';
import type { ContactDecision } from '../schemas/decision.ts';
import { SyncError } from '../schemas/errors.ts';
import type { Side } from '../schemas/value.ts';
import { decideLink } from './decide-link.ts';
import { rejectGuarded, withGuarded } from './guards.ts';
import { planWork } from './plan-work.ts';
import { HISTORY } from './testing/context.ts';
import type { ContextOptions } from './testing/context.ts';
import { Diary } from './testing/diary.ts';
import { NEW_LINK, START } from './testing/story.ts';
import { giveUp } from './unavailable.ts';
import type { UndoPlan } from './undo.ts';
import { examinePair } from './verify.ts';

function told({ fields, skipped, created }: UndoPlan): string[] {
  return [
    ...fields.map(({ side, present, back, writes, rule }) => `${side}: ${String(present[0])} → ${String(back[0])} (${writes} by ${rule})`),
    ...skipped.map(({ side, reason }) => `${side}: ${reason}`), ...created.map((side) => `${side}: record created`),
  ];
}

/** HubSpot's edit o → v was written to Bevatel. */
function written(options: ContextOptions = {}): Diary {
  const diary = new Diary(options).agreed('o') as Diary;
  diary.shows('external', 'v', { revision: '11', at: diary.now, actor: 'userId:5' });
  return diary.writes('bevatel');
}

describe('a write that nobody touched since', () => {
  it('is taken back on the written side, and nothing follows on the other', () => {
    const diary = written();
    expect(told(diary.plan())).toEqual(['bevatel: v → o (1 by one_side_changed)']);
    diary.pass(100).undo();
    expect(diary.wanted()).toBe('bevatel:o');
    expect(diary.verdicts.at(-1)).toMatchObject({ verdict: 'undone', rule: 'undo', bevatel: ['v'], external: ['v'], writeTo: 'bevatel', write: ['o'] });
    diary.writes('bevatel');
    expect(diary.group()).toEqual({ base: [['o'], ['v']], skipped: 'undone', trail: diary.group().trail });
    for (const side of ['bevatel', 'external', 'bevatel'] as const) diary.reads(side, side === 'bevatel' ? 'o' : 'v', { revision: side === 'bevatel' ? '12' : '11' });
    expect(diary.wanted()).toBeNull();
    expect(planWork(diary.link, diary.context, diary.now, 'a').kind).toBe('none');
  });

  it('I1: verify knows why the sides differ', () => {
    const diary = written();
    diary.undo();
    diary.writes('bevatel');
    const live = { bevatel: { values: { company_name: 'o' } }, external: { values: { company: 'v' } } };
    expect(examinePair(diary.link, live, diary.context)).toMatchObject([{ kind: 'skipped', group: 'company_name', reason: 'undone' }]);
  });

  it.each<[string, Side, string, string]>([
    ['the other side is edited', 'external', 'w', 'bevatel:w'],
    ['the side that was taken back is edited', 'bevatel', 'w', 'external:w'],
    ['the other side is edited to what stands here', 'external', 'o', 'null'],
  ])('later edits go on as always: %s', (_what, side, value, wanted) => {
    const diary = written();
    diary.undo();
    diary.writes('bevatel').pass(100);
    diary.shows(side, value, { revision: '20' });
    expect(String(diary.wanted())).toBe(wanted);
  });

  it('towards HubSpot alike, whose history proves it', () => {
    const diary = new Diary({ external: HISTORY }).agreed('o') as Diary;
    diary.shows('bevatel', 'v', { revision: '11' });
    diary.writes('external').undo();
    expect(diary.wanted()).toBe('external:o');
    diary.writes('external');
    expect(diary.group()).toMatchObject({ base: [['v'], ['o']], skipped: 'undone' });
  });

  it('also when its answer was lost and an image proved it', () => {
    const diary = new Diary().agreed('o') as Diary;
    diary.shows('external', 'v', { revision: '11' });
    diary.sends('bevatel');
    diary.pass(10).shows('bevatel', 'v', { revision: '11' });
    expect(told(diary.plan())).toEqual(['bevatel: v → o (1 by one_side_changed)']);
  });

  it('is put back once, by the operator and at the time of the order, also when its own answer is lost', () => {
    const diary = written();
    diary.pass(1_000).undo();
    const attempt = diary.sends('bevatel');
    expect(attempt.groups['company_name']).toMatchObject({ sent: ['o'], source: ['v'], undo: true, time: { from: diary.now, to: diary.now, actor: 'mona' } });
    diary.pass(10).shows('bevatel', 'o', { revision: '12' });
    expect(diary.group()).toMatchObject({ base: [['o'], ['v']], skipped: 'undone' });
    expect(diary.wanted()).toBeNull();
    expect(diary.link.state.seen.bevatel?.times['company_name']).toMatchObject({ actor: 'mona' });
  });

  it('a filled field is emptied again', () => {
    const diary = new Diary();
    diary.shows('bevatel', null, { revision: '10' });
    diary.shows('external', 'v', { revision: '10' });
    diary.writes('bevatel');
    expect(told(diary.undo())).toEqual(['bevatel: v → null (1 by fill_empty)']);
    diary.writes('bevatel');
    expect(diary.wanted()).toBeNull();
  });

  it('what a system made of the value on its way back is agreed too', () => {
    const diary = written();
    diary.undo();
    diary.writes('bevatel', 'o, as we like it');
    expect(diary.group()).toMatchObject({ base: [['o, as we like it'], ['v']], skipped: 'undone' });
    expect(diary.wanted()).toBeNull();
  });
});

describe('several writes of one field', () => {
  it('go back to the value before the first', () => {
    const diary = written();
    diary.shows('external', 'w', { revision: '12' });
    diary.writes('bevatel');
    expect(told(diary.plan())).toEqual(['bevatel: w → o (2 by one_side_changed)']);
  });

  it('in scope: what was written before it stays', () => {
    const diary = written();
    const since = diary.pass(100).now;
    diary.shows('external', 'w', { revision: '12' });
    diary.writes('bevatel');
    expect(told(diary.plan({ since }))).toEqual(['bevatel: w → v (1 by one_side_changed)']);
    expect(told(diary.plan({ until: since }))).toEqual(['bevatel: written_since']);
  });

  it('I2: a foreign edit between them is what is gone back to', () => {
    const diary = written();
    diary.shows('bevatel', 'human', { revision: '12' });
    diary.writes('external');
    diary.shows('external', 'w', { revision: '13' });
    diary.writes('bevatel');
    expect(told(diary.plan())).toEqual(['bevatel: w → human (1 by one_side_changed)', 'external: edited_since']);
  });

  it('which came back to where they began, are left alone', () => {
    const diary = written();
    diary.shows('external', 'o', { revision: '12' });
    diary.writes('bevatel');
    expect(told(diary.plan())).toEqual(['bevatel: as_before']);
  });
});

describe('by rule', () => {
  function decided(): Diary {
    const diary = new Diary({ policy: 'latest_wins' }).agreed('o') as Diary;
    diary.shows('bevatel', 'b', { revision: '11', at: START - 60_000 });
    diary.shows('external', 'x', { revision: '11', at: START - 10_000 });
    return diary.writes('bevatel');
  }
  it.each([['policy:latest_wins', 1], ['policy', 1], ['policy:latest', 0], ['one_side_changed', 0]] as const)('%s', (rule, count) => {
    expect(decided().plan({ rule }).fields).toHaveLength(count);
  });
  it('I2: a value that lost a conflict is put back', () => {
    const diary = decided();
    expect(told(diary.undo({ rule: 'policy' }))).toEqual(['bevatel: x → b (1 by policy:latest_wins)']);
    diary.writes('bevatel');
    expect(diary.group()).toMatchObject({ base: [['b'], ['x']], skipped: 'undone' });
  });
  it.each([[null, null, true], ['a:b', null, true], ['a:b', 'a', true], ['a:b', 'a:b', true], ['ab', 'a', false], [null, 'a', false]])('isOfRule(%s, %s)', (rule, wanted, expected) => {
    expect(isOfRule(rule, wanted)).toBe(expected);
  });
});

describe('two sets that were merged', () => {
  const TAGS = { fields: [{ bevatel: 'tags', external: 'hs_tags' }] };
  const show = (diary: Diary, side: Side, tags: readonly string[], revision: string): unknown => diary.shows(side, side === 'bevatel' ? { tags } : { hs_tags: tags.join(';') }, { revision });
  function merged(): Diary {
    const diary = new Diary(TAGS);
    for (const at of ['bevatel', 'external'] as const) show(diary, at, ['o'], '10');
    show(diary.pass(10), 'bevatel', ['a', 'o'], '11');
    show(diary, 'external', ['b', 'o'], '11');
    diary.pass(5).writes('bevatel', { tags: ['a', 'b', 'o'] });
    return diary.writes('external', { hs_tags: 'a;b;o' });
  }

  it('are both taken back, one after the other', () => {
    const diary = merged();
    expect(diary.group('tags').base).toEqual([[['a', 'b', 'o']], ['a;b;o']]);
    expect(told(diary.undo({ rule: 'policy:union' }))).toEqual(['bevatel: a,b,o → a,o (1 by policy:union)', 'external: a;b;o → b;o (1 by policy:union)']);
    expect(diary.wanted('tags')).toBe('bevatel:a,o');
    diary.writes('bevatel', { tags: ['a', 'o'] });
    expect(diary.wanted('tags')).toBe('external:b;o');
    diary.writes('external', { hs_tags: 'b;o' });
    expect(diary.group('tags')).toMatchObject({ base: [[['a', 'o']], ['b;o']], skipped: 'undone' });
    expect([diary.wanted('tags'), diary.group('tags').restore]).toEqual([null, undefined]);
    expect(told(diary.undo({ rule: 'undo' }))).toEqual(['bevatel: a,o → a,b,o (1 by undo)', 'external: b;o → a;b;o (1 by undo)']);
    diary.writes('bevatel', { tags: ['a', 'b', 'o'] });
    diary.writes('external', { hs_tags: 'a;b;o' });
    expect(diary.group('tags')).toEqual({ base: [[['a', 'b', 'o']], ['a;b;o']], trail: diary.group('tags').trail });
  });

  it('not the side that a person edited since', () => {
    const diary = merged();
    show(diary, 'bevatel', ['mine'], '13');
    diary.writes('external', { hs_tags: 'mine' });
    expect(told(diary.plan({ rule: 'policy:union' }))).toEqual(['bevatel: edited_since', 'external: written_since']);
  });
});

describe('what is left alone', () => {
  it.each<[string, (diary: Diary) => unknown, string]>([
    ['the written side was edited', (diary) => diary.shows('bevatel', 'h', { revision: '12' }), 'in_flight'],
    ['… and that edit was written on', (diary) => { diary.shows('bevatel', 'h', { revision: '12' }); diary.writes('external'); }, 'edited_since'],
    ['… and back to what we wrote, by a person', (diary) => { for (const [value, revision] of [['h', '12'], ['v', '13']] as const) { diary.shows('bevatel', value, { revision }); diary.writes('external'); } }, 'edited_since'],
    ['both agreed on something else, of which nothing is told', (diary) => { diary.link = { ...diary.link, state: { ...diary.link.state, groups: { company_name: { base: [[' v '], ['v']] } } } }; }, 'edited_since'],
    ['the other side was edited', (diary) => diary.shows('external', 'w', { revision: '12' }), 'in_flight'],
    ['both were edited alike', (diary) => { diary.link = { ...diary.link, state: { ...diary.link.state, readDue: { bevatel: { at: 0, blocks: true } } } }; diary.shows('external', 'w', { revision: '12' }); diary.reads('bevatel', 'w', { revision: '12' }); }, 'edited_since'],
    ['it is held', (diary) => { diary.link = { ...diary.link, state: { ...diary.link.state, hold: { kind: 'possible_duplicate', since: 1, candidates: [] } } }; }, 'held'],
    ['a write of it is on its way', (diary) => { diary.shows('external', 'w', { revision: '12' }); diary.sends('bevatel'); }, 'in_flight'],
    ['its record is gone', (diary) => { diary.link = { ...diary.link, state: { ...diary.link.state, gone: { external: { how: 'deleted', at: 1 } } } }; }, 'gone'],
    ['it was erased', (diary) => { diary.link = { ...diary.link, erased: true }; }, 'gone'],
  ])('%s', (_what, change, reason) => {
    const diary = written();
    change(diary);
    expect(diary.plan().fields.filter(({ side }) => side === 'bevatel')).toEqual([]);
    expect(diary.plan().skipped.filter(({ side }) => side === 'bevatel').map((one) => one.reason)).toEqual([reason]);
  });

  it.each<[string, ContextOptions, string]>([
    ['the direction forbids that side by now', { direction: 'to_external' }, 'direction'],
    ['its record does not take part now', { filter: { external: { company: 'another' } } }, 'filtered'],
    ['the field is not mapped any more', { fields: [{ bevatel: 'email', external: 'email', lens: 'email' }] }, 'unmapped'],
    ['a constant would be filled again', { fields: [{ lens: 'constant', bevatel: 'company_name', value: 'v' }] }, 'constant'],
  ])('%s', (_what, options, reason) => {
    const { link, decisions } = written();
    const later = new Diary(options, link);
    later.decisions.push(...decisions);
    expect(told(later.plan())).toEqual([`bevatel: ${reason}`]);
  });

  it('a record that we removed: it is brought back by a restore', () => {
    const diary = written();
    diary.decisions.push({ ...diary.decisions[0] as ContactDecision, decisionId: 'r', decidedAt: diary.now, groups: [{ group: '*', verdict: 'removed', rule: 'written', writeTo: 'bevatel' }] });
    diary.link = { ...diary.link, state: { ...diary.link.state, gone: { external: { how: 'deleted', at: 1 } } } };
    expect(told(diary.plan())).toEqual(['bevatel: gone', 'bevatel: removed']);
  });

  it('what was written before it was recorded what a write finds', () => {
    const diary = new Diary().agreed('o') as Diary;
    diary.decisions.push({ ...NEW_LINK, decisionId: 'd', causeId: 'c', cause: 'answer', side: 'bevatel', verdict: 'converged', decidedAt: diary.now, groups: [{ group: 'company_name', verdict: 'converged', rule: 'written', writeTo: 'bevatel', write: ['v'] }] });
    expect(told(diary.plan())).toEqual(['bevatel: not_recorded']);
  });

  it('a record that was created is told of, and kept with what was written into it', () => {
    const diary = new Diary({}, { ...NEW_LINK, externalId: null });
    diary.shows('bevatel', 'v', { revision: '10' });
    const attempt = diary.sends('external');
    diary.pass(5).applied(attempt, 'v', { revision: '10' });
    expect(told(diary.plan())).toEqual(['external: created', 'external: record created']);
    diary.shows('bevatel', 'w', { revision: '11' });
    diary.writes('external');
    expect(told(diary.plan())).toEqual(['external: created', 'external: record created']);
    expect(told(diary.plan({ group: 'company_name', since: diary.now - 20 }))).toEqual(['external: created']);
  });
});

describe('an order that something comes between', () => {
  it('I2: is void when the written side moves first', () => {
    const diary = written();
    diary.undo();
    diary.shows('bevatel', 'h', { revision: '12' });
    expect(diary.wanted()).toBe('external:h');
  });

  it('an edit on the other side while it is on its way goes on to this one', () => {
    const diary = written();
    diary.undo();
    const attempt = diary.sends('bevatel');
    diary.shows('external', 'w', { revision: '12' });
    diary.applied(attempt, 'o', { revision: '12' });
    expect(diary.wanted()).toBe('bevatel:w');
  });

  it('that is refused by the system waits for a person', () => {
    const diary = written();
    diary.undo();
    const attempt = diary.sends('bevatel');
    diary.answered('bevatel', { kind: 'rejected', attemptId: attempt.id, error: new SyncError('value_rejected', 'no'), fields: [] });
    expect([diary.group().held?.type, diary.wanted()]).toEqual(['rejected', null]);
  });
});

describe('an order that is guarded', () => {
  const RISK = [{ kind: 'blanking', key: 'bevatel/company_name', group: 'company_name', fingerprint: 'f' }] as const;
  function guarded(): Diary {
    const diary = written();
    diary.undo();
    diary.link = withGuarded(diary.link, RISK, 'set-1');
    return diary;
  }

  it('I9: waits for its approval, whatever else is shown meanwhile', () => {
    const diary = guarded();
    diary.shows('bevatel', { company_name: 'v', email: 'a@b.example' }, { revision: '12' });
    expect(diary.group()).toMatchObject({ wanted: { values: ['o'] }, guarded: 'set-1' });
    expect(planWork(diary.link, diary.context, diary.now, 'a').kind).toBe('none');
  });

  it('that is rejected, or given up with its system, is not wanted again', () => {
    const rejected = guarded();
    rejected.link = rejectGuarded(rejected.link, 'set-1', rejected.context, rejected.now).link;
    const givenUp = written();
    givenUp.undo();
    givenUp.link = giveUp(givenUp.link, 'bevatel', 'system_unavailable', { ...givenUp.context, unavailable: 'skip' }, givenUp.now).link;
    for (const diary of [rejected, givenUp]) {
      diary.link = decideLink(diary.link, diary.context, diary.now).link;
      expect([diary.wanted(), diary.group().base]).toEqual([null, [['v'], ['v']]]);
    }
  });
});

describe('an undo of an undo', () => {
  it('puts back what the first took back, and both sides agree again', () => {
    const diary = written();
    const first = diary.pass(100).now;
    diary.undo();
    diary.writes('bevatel');
    const second = diary.pass(100).now;
    expect(told(diary.plan({ since: first }))).toEqual(['bevatel: o → v (1 by undo)']);
    expect(told(diary.plan({ until: first }))).toEqual(['bevatel: written_since']);
    expect(told(diary.plan())).toEqual(['bevatel: as_before']);
    diary.undo({ rule: 'undo' });
    diary.writes('bevatel');
    expect(diary.group()).toEqual({ base: [['v'], ['v']], trail: diary.group().trail });
    expect(told(diary.plan({ since: second }))).toEqual(['bevatel: v → o (1 by undo)']);
  });
});
