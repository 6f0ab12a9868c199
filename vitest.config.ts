import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { parsers } from './scripts/parsers.ts';

/**
 * Two files at a time, also of the suites that start platforms: much of a file is waiting, and the machines that this runs on have two processors, one of
 * which Vitest would leave out. `HEARTH_TEST_FILES_AT_ONCE=1` takes one at a time, to tell whether files disturb one another.
 */
const maxWorkers = Number(process.env['HEARTH_TEST_FILES_AT_ONCE'] ?? 2);
const shared = { globalSetup: ['tests/support/build-once.ts'], pool: 'forks' as const, maxWorkers };

/**
 * Files that have the host for themselves, once the others of their suite have ended: they look at networks, rules and listeners of all of it, take all of
 * its processors, or tell by a clock what it did.
 */
const alone = {
  drivers: ['docker-egress', 'qemu-egress', 'packet-rates', 'process-attacks'],
  integration: ['timing'],
  e2e: ['quality-bars'],
  faults: ['busy-host', 'connections', 'hostile'],
} as const;

/** Against tests that hang, of the suites without real processes: none takes more than seconds on a machine that is not busy. */
const patience = { testTimeout: 120_000, hookTimeout: 120_000 };

/** What takes longest goes first, so that no processor is idle while the last file runs. */
const longest = [
  ...['tests/conformance/qemu-driver', 'tests/conformance/podman', 'tests/conformance/docker-socket-proxy'],
  ...['tests/integration/examples-qemu', 'tests/integration/qemu-snapshots', 'tests/integration/examples-docker'],
  ...['tests/e2e/pages', 'tests/e2e/dashboard', 'tests/e2e/function-page'],
  ...['tests/faults/power-cut', 'tests/faults/kill-loop', 'tests/faults/qemu', 'tests/faults/docker'],
  ...['tests/test-report', 'backend/gateway/server', 'backend/backup/backup', 'tests/import-direction'],
  'backend/database/migrations/every-schema',
].map((file) => `/${file}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => longest.some((path) => moduleId.endsWith(path));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

/** A suite of real processes as two projects, which scripts/run-vitest.ts runs under the name of the first. */
function suite(name: keyof typeof alone, folder: string, limits: { testTimeout: number; hookTimeout: number }) {
  const files = alone[name].map((file) => `${folder}/${file}.test.ts`);
  return [
    { test: { ...shared, ...limits, name, include: [`${folder}/**/*.test.ts`], exclude: files } },
    { test: { ...shared, ...limits, name: `${name}-alone`, include: files, fileParallelism: false } },
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
      ...suite('drivers', 'tests/conformance', { testTimeout: 120_000, hookTimeout: 120_000 }),
      ...suite('integration', 'tests/integration', { testTimeout: 120_000, hookTimeout: 120_000 }),
      ...suite('e2e', 'tests/e2e', { testTimeout: 120_000, hookTimeout: 120_000 }),
      ...suite('faults', 'tests/faults', { testTimeout: 300_000, hookTimeout: 120_000 }),
    ],
  },
});
