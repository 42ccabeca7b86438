/** What a test file takes from the run's stack: its addresses, or a place of its own on it. */
import { afterAll, inject } from 'vitest';
import { isolate } from '../../deploy/local/isolate.ts';
import type { StackUrls } from '../../deploy/local/stack.ts';

export type TestStack = StackUrls & {
  /** Ends in a dot; topics, groups and subjects of the test begin with it. */
  readonly topicPrefix: string;
};

/** The addresses of the run's stack. Use `isolatedStack` unless the test keeps nothing there. */
export function stackUrls(): StackUrls {
  const urls = inject('stackUrls') as StackUrls | undefined;
  if (urls === undefined) throw new Error('this test needs the stack: name its file *.int.test.ts or *.e2e.test.ts');
  return urls;
}

/**
 * A fresh database and a random topic prefix, dropped after the file. Call it at the top of the file with
 * `await`: in a hook, vitest would not hear of the clean-up.
 */
export async function isolatedStack(name: string): Promise<TestStack> {
  const urls = stackUrls();
  const place = await isolate({ urls }, name);
  afterAll(() => place.drop());
  return { ...urls, databaseUrl: place.databaseUrl, topicPrefix: place.topicPrefix };
}
