/** Undo as given, when, then: what stands on both sides before, and what is taken back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOfRule } from '../schemas/decision.ts';
import { SyncError } from '../schemas/errors.ts';
import { otherSide } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import { Diary } from './testing/diary.ts';
import { NEW_LINK, START } from './testing/story.ts';
import { HISTORY } from './testing/context.ts';
import type { ContextOptions } from './testing/context.ts';
import { planWork } from './plan-work.ts';
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
    expect(examinePair(diary.link, live, diary.context)).toEqual([{ kind: 'skipped', group: 'company_name', reason: 'undone' }]);
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

describe('what is left alone', () => {
  it.each<[string, (diary: Diary) => unknown, string]>([
    ['the written side was edited', (diary) => diary.shows('bevatel', 'h', { revision: '12' }), 'in_flight'],
    ['… and that edit was written on', (diary) => { diary.shows('bevatel', 'h', { revision: '12' }); diary.writes('external'); }, 'edited_since'],
    ['… and back to what we wrote, by a person', (diary) => { for (const [value, revision] of [['h', '12'], ['v', '13']] as const) { diary.shows('bevatel', value, { revision }); diary.writes('external'); } }, 'edited_since'],
    ['both agreed on something else, of which nothing is told', (diary) => { diary.link = { ...diary.link, state: { ...diary.link.state, groups: { company_name: { base: [['v'], [' v ']] } } } }; }, 'edited_since'],
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
    ['the field is not mapped any more', { fields: [{ bevatel: 'email', external: 'email', lens: 'email' }] }, 'unmapped'],
    ['a constant would be filled again', { fields: [{ lens: 'constant', bevatel: 'company_name', value: 'v' }] }, 'constant'],
  ])('%s', (_what, options, reason) => {
    const { link, decisions } = written();
    const later = new Diary(options, link);
    later.decisions.push(...decisions);
    expect(told(later.plan())).toEqual([`bevatel: ${reason}`]);
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

describe('whatever happens', () => {
  /** `known`: what it last showed or was given; an edit counts from when it was shown (I2: one that went back before was none). */
  interface System { value: string; revision: number; known: string; editedAt: number }
  type Step = { readonly kind: 'edit'; readonly side: Side; readonly value: string } | { readonly kind: 'show'; readonly side: Side } | { readonly kind: 'deliver'; readonly isAnswered: boolean };
  const side = fc.constantFrom<Side[]>('bevatel', 'external');
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ kind: fc.constant('edit' as const), side, value: fc.constantFrom('o', 'a', 'b', 'c') }),
    fc.record({ kind: fc.constant('show' as const), side }),
    fc.record({ kind: fc.constant('deliver' as const), isAnswered: fc.boolean() }),
  );

  class Play {
    readonly diary = new Diary({ policy: 'latest_wins', fallback: 'bevatel_wins', oscillation: { flips: 99, withinMs: 1 } }).agreed('o') as Diary;
    readonly systems: Record<Side, System> = { bevatel: { value: 'o', revision: 10, known: 'o', editedAt: 0 }, external: { value: 'o', revision: 10, known: 'o', editedAt: 0 } };

    do(one: Step): void {
      this.diary.pass(5_000);
      if (one.kind === 'edit') this.systems[one.side] = { ...this.systems[one.side], value: one.value, revision: this.systems[one.side].revision + 1 };
      else if (one.kind === 'show') this.show(one.side);
      else this.deliver(one.isAnswered);
    }
    private known(at: Side): System {
      const system = this.systems[at];
      return (this.systems[at] = { ...system, known: system.value, editedAt: system.known === system.value ? system.editedAt : this.diary.now });
    }
    show(at: Side): void {
      const { value, revision } = this.known(at);
      this.diary.shows(at, value, { revision: String(revision) });
    }
    deliver(isAnswered: boolean): boolean {
      const work = planWork(this.diary.link, this.diary.context, this.diary.now, 'look');
      if (work.kind !== 'write') return false;
      const system = this.systems[work.side];
      const attempt = this.diary.sends(work.side);
      if (attempt.condition !== String(system.revision)) {
        this.known(work.side);
        this.diary.answered(work.side, { kind: 'moved', attemptId: attempt.id, record: this.diary.record(work.side, system.value, { revision: String(system.revision) }) });
        return true;
      }
      const sent = attempt.groups['company_name']?.sent[0];
      this.systems[work.side] = { ...system, value: String(sent), known: String(sent), revision: system.revision + 1 };
      this.diary.pass(10);
      if (isAnswered) this.diary.applied(attempt, String(sent), { revision: String(system.revision + 1) });
      else this.show(work.side);
      return true;
    }
    settle(): void {
      for (let round = 0; round < 20; round += 1) {
        this.diary.pass(5_000);
        for (const at of ['bevatel', 'external'] as const) this.show(at);
        while (this.deliver(true));
      }
    }
  }

  it('I2, I3: an undo never touches a field that was edited since, and no write follows on the other side', () => {
    let undone = 0;
    fc.assert(fc.property(fc.array(step, { minLength: 2, maxLength: 14 }), fc.boolean(), (steps, isSettled) => {
      const play = new Play();
      for (const one of steps) play.do(one);
      if (isSettled) play.settle();
      const before = structuredClone(play.systems);
      const [field, ...others] = play.diary.undo().fields;
      expect(others).toEqual([]);
      if (!field) return;
      undone += 1;
      const last = play.diary.decisions.flatMap(({ groups, decidedAt }) => groups.flatMap(({ attempt, writeTo }) => (attempt !== undefined && writeTo === field.side ? decidedAt : []))).at(-1) ?? 0;
      const isUnseen = before[field.side].value !== field.present[0] || before[otherSide(field.side)].value !== field.other[0];
      if (!isUnseen) expect(before[field.side].editedAt).toBeLessThanOrEqual(last);
      play.settle();
      if (isUnseen) return;
      expect([play.systems[field.side].value, play.systems[otherSide(field.side)]]).toEqual([field.back[0], before[otherSide(field.side)]]);
      expect(play.diary.wanted()).toBeNull();
      play.do({ kind: 'edit', side: otherSide(field.side), value: 'later' });
      play.settle();
      expect([play.systems.bevatel.value, play.systems.external.value]).toEqual(['later', 'later']);
    }), { numRuns: 2_000 });
    expect(undone).toBeGreaterThan(200);
  });
});
