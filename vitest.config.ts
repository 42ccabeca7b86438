import { defineConfig } from 'vitest/config';

const needsStack = ['**/*.int.test.ts', '**/*.e2e.test.ts'];
const notOurs = ['node_modules/**', '.local/**'];

/**
 * *.test.ts needs nothing; *.int.test.ts needs the stack, *.e2e.test.ts the whole flow: these two kinds are a
 * project of their own, so that the stack is opened only when one of them is in the run.
 */
export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', 'json'],
    outputFile: { json: '.local/test-report.json' },
    teardownTimeout: 60_000,
    projects: [
      {
        test: {
          name: 'pure',
          include: ['**/*.test.ts'],
          exclude: [...notOurs, ...needsStack],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'stack',
          include: needsStack,
          exclude: notOurs,
          globalSetup: ['tests/stack/global-setup.ts'],
          pool: 'forks',
          // kafkajs 2.2 makes Node 24 warn of a timer in the past, to no effect.
          execArgv: ['--disable-warning=TimeoutNegativeWarning'],
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
