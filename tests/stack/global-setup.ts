/**
 * One stack for the whole test run, opened by the same module as everywhere else (STACK=given reuses one).
 * An embedded one gets a folder of its own that is removed at the end: what a run left behind cannot help the next.
 */
import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { openStack } from '../../deploy/local/choose-stack.ts';
import { LOCAL_DIR } from '../../deploy/local/embedded-stack.ts';
import { isSupervised, readState } from '../../deploy/local/stack-state.ts';
import type { StackUrls } from '../../deploy/local/stack.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Provided to the files of the `stack` project alone (see vitest.config.ts). */
    stackUrls: StackUrls;
  }
}

const RUNS = join(LOCAL_DIR, 'test-runs');

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers();
  const dataDir = join(RUNS, randomBytes(4).toString('hex'));
  const stack = await openStack({ dataDir, ephemeral: true, log: (line) => { console.log(`stack: ${line}`); } });
  project.provide('stackUrls', stack.urls);
  return () => stack.stop();
}

/** Folders of runs that were killed. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(RUNS).catch(() => [])) {
    const folder = join(RUNS, name);
    const state = await readState(folder);
    if (state === undefined || await isSupervised(state, folder)) continue;
    await rm(folder, { recursive: true, force: true });
  }
}
