/** The oscillation breaker alone; decide-group.test.ts shows what becomes of a held field (I3). */
import { expect, it } from 'vitest';
import type { GroupState } from './link.ts';
import { afterPropagation, fighters } from './oscillation.ts';
import { exactly } from './time.ts';

const LIMIT = { flips: 3, withinMs: 60_000 };

/** Whether each propagation of a run trips the breaker. */
function trips(run: readonly (readonly ['bevatel' | 'external', string])[]): boolean[] {
  let trail: GroupState['trail'];
  return run.map(([side, value], now) => {
    const breaker = afterPropagation(trail, { side, values: [value] }, LIMIT, now);
    trail = breaker.trail;
    return breaker.isOscillating;
  });
}

it('I3: two sides that insist on a value each are stopped when one comes back the third time', () => {
  const tug = Array.from({ length: 7 }, (_, index) => (index % 2 === 0 ? ['external', 'ours'] as const : ['bevatel', 'theirs'] as const));
  expect(trips(tug)).toEqual([false, false, false, false, false, false, true]);
});

it('I3: a value that alternates with ever new ones is stopped too', () => {
  expect(trips([['external', 'a'], ['external', 'b'], ['external', 'a'], ['external', 'c'], ['external', 'a'], ['external', 'd'], ['external', 'a']]).at(-1)).toBe(true);
});

it('a run of different values never is', () => {
  expect(trips(Array.from({ length: 50 }, (_, index) => ['external', `v${index}`] as const))).not.toContain(true);
});

it.each([
  ['an automation against a person: the automation\'s side', 'user:55', 'AUTOMATION_PLATFORM:9', 'bevatel', 'external'],
  ['likewise when the person came last', 'AUTOMATION_PLATFORM:9', 'user:55', 'external', 'bevatel'],
  ['two automations: the one that came last', 'app:import', 'AUTOMATION_PLATFORM:9', 'external', 'external'],
  ['nobody is named: the side that came last', null, null, 'bevatel', 'bevatel'],
] as const)('proposes an owner for the field: %s', (_given, bevatel, external, from, owner) => {
  const actors = [bevatel, external].filter((actor) => actor !== null);
  expect(fighters({ bevatel: exactly(1, bevatel), external: exactly(2, external) }, from)).toMatchObject({ owner });
  for (const actor of actors) expect(fighters({ bevatel: exactly(1, bevatel), external: exactly(2, external) }, from).detail).toContain(actor);
});
