/**
 * The model: one link between two simulated systems, every order of events that fast-check finds, and the invariants at
 * rest. A failure prints its seed, its path and the shortest schedule.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Side } from '../schemas/value.ts';
import { HISTORY, NONE, STRICT, testContext } from './testing/context.ts';
import { faultsAtRest } from './testing/rest.ts';
import { World } from './testing/world.ts';
import type { Call, Image } from './testing/world.ts';

type Step =
  | { readonly do: 'edit'; readonly side: Side; readonly value: string }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'hint' | 'list' | 'work' | 'endRead' }
  | { readonly do: 'consume'; readonly nth: number; readonly again: boolean }
  | { readonly do: 'land' | 'answer' | 'answerUnread' | 'lose'; readonly nth: number };

const nth = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('edit' as const), side: fc.constantFrom<Side>('bevatel', 'external'), value: fc.constantFrom('o', 'a', 'b', 'c') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 30, 3_000, 12_500) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('hint' as const, 'list' as const, 'work' as const, 'work' as const, 'endRead' as const, 'endRead' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('consume' as const), nth, again: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('land' as const, 'land' as const, 'answer' as const, 'answerUnread' as const, 'lose' as const), nth }) },
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
    case 'list': return world.list();
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
    case 'answerUnread':
    case 'lose': {
      const call = nthOf(world.calls.filter((open) => (one.do === 'land' ? open.outcome === 'sent' : !open.isAnswered)), one.nth);
      if (!call) return;
      if (one.do === 'land') return world.land(call);
      return one.do === 'lose' ? world.lose(call) : world.answer(call, one.do === 'answer');
    }
    default: return one satisfies never;
  }
}

/** Runs the schedule; I6 is judged at every step, the rest at rest. */
function judge(world: World, steps: readonly Step[]): string[] {
  const faults: string[] = [];
  let newest = 0;
  for (const one of steps) {
    run(world, one);
    const revision = Number(world.link.state.seen.bevatel?.revision);
    if (revision < newest) faults.push(`I6: seen went back from ${newest} to ${revision}`);
    newest = revision;
  }
  return [...faults, ...faultsAtRest(world)];
}

const KINDS = { strict: STRICT, 'approximate with history': HISTORY, 'without revisions': NONE };
const POLICIES = ['latest_wins', 'bevatel_wins', 'external_wins', 'manual'] as const;
/** More by `MODEL_RUNS=100000 MODEL_DEPTH=13 npx vitest run domain/model.test.ts --testTimeout=900000`. */
const numRuns = Number(process.env['MODEL_RUNS'] ?? 1_000);
const depth = Number(process.env['MODEL_DEPTH'] ?? 8);

describe.each(Object.entries(KINDS))('the model with an external system %s', (_kind, external) => {
  it('I1 I2 I3 I5 I6: converges, loses no edit, comes to rest, whatever the order of events', () => {
    fc.assert(fc.property(fc.constantFrom(...POLICIES), fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), (policy, steps) => {
      expect(judge(new World(testContext({ external, policy })), steps)).toEqual([]);
    }), { numRuns });
  });
});

/** What may happen next, each letter once or as often as its limit says. */
interface Limits {
  readonly edits: readonly (readonly [Side, string])[];
  readonly calls: number;
  readonly losses: number;
  readonly depth: number;
}

/** Every schedule within the limits; the first faults found, with their schedule. */
function explore(world: World, limits: Limits, path: string): { path: string; faults: string[] } | number {
  const faults = faultsAtRest(world.copy());
  if (faults.length > 0) return { path, faults };
  if (path.length >= limits.depth) return 1;
  let judged = 1;
  for (const [letter, go] of moves(world, limits, path)) {
    const next = world.copy();
    go(next);
    const found = explore(next, limits, path + letter);
    if (typeof found !== 'number') return found;
    judged += found;
  }
  return judged;
}

type Move = readonly [letter: string, go: (world: World) => void];

function moves(world: World, limits: Limits, path: string): Move[] {
  const list: Move[] = [];
  const edit = limits.edits[path.replaceAll(/[^e]/g, '').length];
  if (edit) list.push(['e', (next) => next.edit(...edit)]);
  if (world.inbox.length > 0) list.push(['c', (next) => next.consume(next.inbox.shift() as Image)]);
  if (world.inbox.length > 1) list.push(['p', (next) => next.consume(next.inbox.pop() as Image)]);
  if (world.isHinted) list.push(['h', (next) => next.readHint()]);
  if (world.reading) list.push(['r', (next) => next.endRead()]);
  else if (world.calls.length < limits.calls && world.isDue) list.push(['w', (next) => next.work()]);
  const open = world.calls.findIndex((call) => !call.isAnswered);
  const hung = world.calls.findIndex((call) => call.outcome === 'sent');
  if (hung >= 0) list.push(['l', (next) => next.land(next.calls[hung] as Call)]);
  if (open >= 0 && world.calls[open]?.outcome !== 'sent') list.push(['a', (next) => next.answer(next.calls[open] as Call, true)]);
  if (open >= 0 && path.replaceAll(/[^t]/g, '').length < limits.losses) {
    list.push(['t', (next) => {
      next.lose(next.calls[open] as Call);
      next.pass(12_500);
    }]);
  }
  return list;
}

describe.each(Object.entries(KINDS))('every schedule of two edits with an external system %s', (_kind, external) => {
  const EDITS: readonly Limits['edits'][] = [
    [['bevatel', 'a'], ['external', 'b']],
    [['external', 'b'], ['bevatel', 'a']],
    [['bevatel', 'a'], ['bevatel', 'o']],
    [['external', 'a'], ['external', 'b']],
    [['bevatel', 'a'], ['external', 'a']],
  ];
  it.each(EDITS)('%s, %s', (...edits) => {
    const found = explore(new World(testContext({ external })), { edits, calls: 2, losses: 1, depth }, '');
    expect(found).toEqual(expect.any(Number));
  });
});
