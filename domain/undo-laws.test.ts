/** Laws of undo, over whatever fast-check finds: people edit both sides, images come or do not, answers are lost. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { otherSide } from '../schemas/value.ts';
import type { Side } from '../schemas/value.ts';
import { planWork } from './plan-work.ts';
import { Diary } from './testing/diary.ts';

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
      const { fields } = play.diary.undo();
      const [field] = fields;
      if (!field) return;
      undone += 1;
      const lastWrite = (at: Side): number => play.diary.decisions.flatMap(({ groups, decidedAt }) => groups.flatMap(({ attempt, writeTo }) => (attempt !== undefined && writeTo === at ? decidedAt : []))).at(-1) ?? 0;
      const isUnseen = before[field.side].value !== field.present[0] || before[otherSide(field.side)].value !== field.other[0];
      if (!isUnseen) for (const one of fields) expect(before[one.side].editedAt).toBeLessThanOrEqual(lastWrite(one.side));
      play.settle();
      if (isUnseen) return;
      for (const one of fields) expect(play.systems[one.side].value).toBe(one.back[0]);
      if (fields.length === 1) expect(play.systems[otherSide(field.side)]).toEqual(before[otherSide(field.side)]);
      expect(play.diary.wanted()).toBeNull();
      play.do({ kind: 'edit', side: otherSide(field.side), value: 'later' });
      play.settle();
      expect([play.systems.bevatel.value, play.systems.external.value]).toEqual(['later', 'later']);
    }), { numRuns: 2_000 });
    expect(undone).toBeGreaterThan(200);
  });
});
