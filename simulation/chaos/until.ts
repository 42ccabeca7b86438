import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 50;

/** Waits for a condition; the error says which did not come. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, patienceMs: number): Promise<void> {
  for (const end = Date.now() + patienceMs; !(await condition());) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await sleep(LOOK_MS);
  }
}
