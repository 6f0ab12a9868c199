import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { parsers } from './scripts/parsers.ts';
import { alone, longest } from './scripts/suites.ts';

/**
 * Two files at a time, also of the suites that start platforms: much of a file is waiting, and the machines that this runs on have two processors, one of
 * which Vitest would leave out. `HEARTH_TEST_FILES_AT_ONCE=1` takes one at a time, to tell whether files disturb one another.
 */
const maxWorkers = Number(process.env['HEARTH_TEST_FILES_AT_ONCE'] ?? 2);
const shared = { globalSetup: ['tests/support/build-once.ts'], pool: 'forks' as const, maxWorkers };

/** Against tests that hang; none takes so long on a machine that is not busy. Vitest's own patience with `expect.poll` is a second. */
const patience = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 60_000 } } };

/**
 * Whole platforms and browsers may disturb one another on a slow machine: what fails there is tried once more, and the end of the run names what passed only
 * then. What Hearth promises about isolation and faults has to hold each time, and so have unit tests.
 */
const tried = { ...patience, retry: 1 };

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((path) => moduleId.endsWith(`/${path}`));
      return index < 0 ? longest.length : index;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

/** A suite of real processes as two projects, which scripts/run-vitest.ts runs under the name of the first. */
function suite(
  name: keyof typeof alone,
  folder: string,
  limits: typeof patience & { readonly retry?: number } = patience,
) {
  return [
    { test: { ...shared, ...limits, name, include: [`${folder}/**/*.test.ts`], exclude: [...alone[name]] } },
    { test: { ...shared, ...limits, name: `${name}-alone`, include: [...alone[name]], fileParallelism: false } },
  ];
}

/** The suites of `npm test`: each has its own folder and script. */
export default defineConfig({
  test: {
    reporters: ['default'],
    sequence: { sequencer: LongestFirst },
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
          ...patience,
        },
      },
      // Tests of the unit suite once more, for coverage, mutations and millions of cases.
      {
        test: {
          ...shared,
          name: 'parsers',
          include: [...new Set(parsers.flatMap(({ tests }) => tests))],
          ...patience,
        },
      },
      ...suite('drivers', 'tests/conformance'),
      ...suite('integration', 'tests/integration', tried),
      ...suite('e2e', 'tests/e2e', tried),
      ...suite('faults', 'tests/faults', { ...patience, testTimeout: 300_000 }),
    ],
  },
});
