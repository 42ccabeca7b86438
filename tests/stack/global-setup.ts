/**
 * One stack for the whole test run, opened by the same module as everywhere else (STACK=given reuses one).
 * An embedded one gets a folder of its own that is removed at the end: what a run left behind cannot help the next.
 * Tests that need no stack do not wait for one: it is opened only when a file that needs it is in the run.
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
    /** Absent when no selected test needs a stack. */
    stackUrls: StackUrls | undefined;
  }
}

const NEEDS_STACK = /\.(int|e2e)\.test\.ts$/;
const RUNS = join(LOCAL_DIR, 'test-runs');

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!(await needsStack(project))) {
    project.provide('stackUrls', undefined);
    return () => Promise.resolve();
  }
  await removeLeftovers();
  const dataDir = join(RUNS, randomBytes(4).toString('hex'));
  const stack = await openStack({ dataDir, ephemeral: true, log: (line) => { console.log(`stack: ${line}`); } });
  project.provide('stackUrls', stack.urls);
  return () => stack.stop();
}

async function needsStack(project: TestProject): Promise<boolean> {
  const filters = project.vitest.filenamePattern;
  const { testFiles } = await project.globTestFiles(filters);
  return testFiles.some((file) => NEEDS_STACK.test(file));
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
