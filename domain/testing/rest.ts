/** Lets a world come to rest in every way that it can, and names what is then wrong. */
import { disagreement, falseConflict, lostEdit, otherOnReplay, wrongWinner } from './judge.ts';
import type { World } from './world.ts';

/** Shorter than what is waited for a write that may land late; and longer than anything. */
const NEARLY_MS = 1_200_000;
const FOR_EVER_MS = 100_000_000;

/**
 * All that must come comes; then the hung writes land, one by one; then everything is forgotten that may be; then every
 * image comes again. The world is used up.
 */
export function faultsAtRest(world: World): string[] {
  const faults: (string | null)[] = [];
  const settle = (ms: number, when: string): void => {
    if (!world.settle(ms)) faults.push(`I3: no rest ${when}`);
    faults.push(disagreement(world), lostEdit(world));
  };
  settle(NEARLY_MS, 'after the schedule');
  for (const call of world.calls.filter(({ outcome }) => outcome === 'sent')) {
    world.land(call);
    settle(NEARLY_MS, 'after a late landing');
  }
  settle(FOR_EVER_MS, 'in the end');
  const writes = world.calls.length;
  world.inbox.push(...world.consumed);
  settle(FOR_EVER_MS, 'after all images came again');
  if (world.calls.length > writes) faults.push(`I3: ${world.calls.length - writes} writes for images that came again`);
  if (world.calls.length > mostWrites(world)) faults.push(`I3: ${world.calls.length} writes`);
  faults.push(falseConflict(world), wrongWinner(world), otherOnReplay(world));
  return [...new Set(faults.filter((fault) => fault !== null))];
}

/** Each edit, and each write that hung or was refused, may bring about one write on either side. */
function mostWrites(world: World): number {
  const troubled = world.calls.filter((call) => call.isLost || call.outcome === 'moved').length;
  return 2 * (world.edits.length - 1 + troubled) + troubled;
}
