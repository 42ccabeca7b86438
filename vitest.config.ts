import { defineConfig } from 'vitest/config';

/** *.test.ts needs nothing, *.int.test.ts the stack, *.e2e.test.ts the whole flow. */
export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', '.local/**'],
    globalSetup: ['tests/stack/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    reporters: ['default', 'json'],
    outputFile: { json: '.local/test-report.json' },
  },
});
