/** What a simulated seed showed, in lines to be read. */
import type { Ran, Shrunk } from './worker.ts';

/** The promises that a seed broke, and how to see it again; nothing when it broke none. */
export function tellFindings({ seed, findings }: Ran): string[] {
  if (findings.length === 0) return [];
  return [...findings.map(({ invariant, what }) => `seed ${seed}: ${invariant}: ${what}`), `  again: npm run simulate -- --from ${seed} --seeds 1 --trace`];
}

/** The short story that is left of a seed that broke a promise. */
export function tellShrunk({ seed, schedule: { dials, deeds, faults }, findings, story }: Shrunk): string[] {
  return [
    `\nThe story of seed ${seed}, with ${deeds.length} deeds and ${faults.length} faults left, ${JSON.stringify(dials)}:`,
    ...story, ...findings.map(({ invariant, what }) => `→ ${invariant}: ${what}`),
  ];
}
