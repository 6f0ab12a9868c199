import { defineConfig } from 'vitest/config';
import { parsers } from './scripts/parsers.ts';

/** The suites of `npm test`: each has its own folder and script. Files run one after the other where they share the host. */
const shared = { globalSetup: ['tests/support/build-once.ts'], pool: 'forks' as const };
export default defineConfig({
  test: {
    reporters: ['default'],
    // Only with `--coverage`, which scripts/run-vitest.ts gives to `parsers` alone.
    coverage: {
      provider: 'v8',
      include: parsers.map(({ file }) => file),
      reporter: ['text'],
      skipFull: true,
      thresholds: { branches: 100, perFile: true },
    },
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['{shared,backend,bench,cli,scripts,frontend}/**/*.test.ts', 'tests/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      // Tests of the unit suite once more, for coverage, mutations and millions of cases.
      {
        test: {
          ...shared,
          name: 'parsers',
          include: [...new Set(parsers.flatMap(({ tests }) => tests))],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'drivers',
          include: ['tests/conformance/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...shared,
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...shared,
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...shared,
          name: 'faults',
          include: ['tests/faults/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
