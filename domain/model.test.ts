/**
 * The model: one link between two simulated systems, every order of events that fast-check finds, and the invariants at
 * rest. A failure prints its seed, its path and the shortest schedule.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Side } from '../schemas/value.ts';
import { HISTORY, NONE, STRICT, testContext } from './testing/context.ts';
import type { ContextOptions } from './testing/context.ts';
import { disagreement, falseConflict, lostEdit, wrongWinner } from './testing/judge.ts';
import { World } from './testing/world.ts';

type Step =
  | { readonly do: 'edit'; readonly side: Side; readonly value: string }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'hint' | 'work' | 'endRead' }
  | { readonly do: 'consume'; readonly nth: number; readonly again: boolean }
  | { readonly do: 'land' | 'answer' | 'lose'; readonly nth: number };

const nth = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('edit' as const), side: fc.constantFrom<Side>('bevatel', 'external'), value: fc.constantFrom('o', 'a', 'b', 'c') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 30, 3_000, 12_500) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('hint' as const, 'work' as const, 'work' as const, 'endRead' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('consume' as const), nth, again: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('land' as const, 'land' as const, 'answer' as const, 'lose' as const), nth }) },
);

/** Seldom-kept images and calls are picked by number among those there are. */
function nthOf<T>(items: readonly T[], index: number): T | undefined {
  return items.length === 0 ? undefined : items[index % items.length];
}

function run(world: World, one: Step): void {
  switch (one.do) {
    case 'edit': return world.edit(one.side, one.value);
    case 'pass': return world.pass(one.ms);
    case 'hint': return world.readHint();
    case 'work': return world.work();
    case 'endRead': return world.endRead();
    case 'consume': {
      const image = nthOf(world.inbox, one.nth);
      if (!image) return;
      if (!one.again) world.inbox.splice(world.inbox.indexOf(image), 1);
      return world.consume(image);
    }
    case 'land':
    case 'answer':
    case 'lose': {
      const call = nthOf(world.calls.filter((open) => (one.do === 'land' ? open.outcome === 'sent' : !open.isAnswered)), one.nth);
      if (!call) return;
      if (one.do === 'land') return world.land(call);
      return one.do === 'answer' ? world.answer(call, true) : world.lose(call);
    }
    default: return one satisfies never;
  }
}

const NEARLY = 1_200_000;
const FOR_EVER = 100_000_000;

/** Runs the schedule, lets the world come to rest, lets hung writes land, and lets it rest again. */
function judge(options: ContextOptions, normalise: (value: string) => string, steps: readonly Step[]): string[] {
  const world = new World(testContext(options), normalise);
  const faults: (string | null)[] = [];
  let newest = 0;
  const kept = (): string | null => {
    const revision = Number(world.link.state.seen.bevatel?.revision);
    const fault = revision < newest ? `I6: seen went back from ${newest} to ${revision}` : null;
    newest = revision;
    return fault;
  };
  for (const one of steps) {
    run(world, one);
    faults.push(kept());
  }
  const atRest = (ms: number, when: string): void => {
    if (!world.settle(ms)) faults.push(`I3: no rest ${when}`);
    faults.push(disagreement(world), lostEdit(world), kept());
  };
  atRest(NEARLY, 'after the schedule');
  for (const call of world.calls.filter(({ outcome }) => outcome === 'sent')) {
    world.land(call);
    atRest(NEARLY, 'after a late landing');
  }
  atRest(FOR_EVER, 'in the end');
  const writes = world.calls.length;
  for (const image of [...world.consumed]) world.inbox.push(image);
  atRest(FOR_EVER, 'after all images came again');
  if (world.calls.length > writes) faults.push(`I3: ${world.calls.length - writes} writes for images that came again`);
  faults.push(falseConflict(world), wrongWinner(world));
  return [...new Set(faults.filter((fault) => fault !== null))];
}

const KINDS = { strict: STRICT, 'approximate with history': HISTORY, 'without revisions': NONE };
const POLICIES = ['latest_wins', 'bevatel_wins', 'external_wins', 'manual'] as const;
const numRuns = Number(process.env['MODEL_RUNS'] ?? 1_500);

describe.each(Object.entries(KINDS))('the model with an external system %s', (_kind, external) => {
  it('I1 I2 I3 I5 I6: converges, loses no edit, comes to rest, whatever the order of events', () => {
    fc.assert(fc.property(fc.constantFrom(...POLICIES), fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), (policy, steps) => {
      expect(judge({ external, policy }, (value) => value, steps)).toEqual([]);
    }), { numRuns });
  });
});
