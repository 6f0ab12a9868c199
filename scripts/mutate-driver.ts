/**
 * Runs below vitest for scripts/mutate.ts: the tests of one parser without a change, each by itself to learn which changes it reaches; then each change
 * with the tests that reach it, until one fails. All modules are evaluated anew for each change, so nothing of one is left in the next.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { test, vi } from 'vitest';
import type { Job, Outcome } from './mutate-job.ts';
import type { CollectedTest } from './mutate-tests.ts';

/** What the code that Stryker's instrumenter writes reads and counts. */
interface Switches {
  activeMutant: string | undefined;
  mutantCoverage: { static: Record<string, number>; perTest: Record<string, Record<string, number>> };
  currentTestId: string | undefined;
  hitCount: number | undefined;
  hitLimit: number | undefined;
}

/** A change is in an endless loop when it is reached so many times more often than the tests without it do. */
const hitFactor = 100;
/** A change keeps its tests waiting for something that never comes when they take this, and so many times longer than they do without it. */
const patienceMs = 3000;
const patienceFactor = 20;

const job = JSON.parse(readFileSync(process.env['HEARTH_MUTATE_JOB'] ?? '', 'utf8')) as Job;
const switches: Switches = {
  activeMutant: undefined,
  mutantCoverage: { static: {}, perTest: {} },
  currentTestId: undefined,
  hitCount: undefined,
  hitLimit: undefined,
};
(globalThis as unknown as { __stryker__: Switches }).__stryker__ = switches;

const say = (line: object): void => appendFileSync(job.output, `${JSON.stringify(line)}\n`);

async function load(): Promise<readonly CollectedTest[]> {
  vi.resetModules();
  const { collected } = await import('./mutate-tests.ts');
  for (const path of job.tests) await import(path);
  return collected;
}

interface Reach {
  /** Their numbers, the fastest first. */
  readonly tests: readonly number[];
  /** Of all of them, without the change. */
  readonly hits: number;
  readonly durationMs: number;
}

/** What tests reach each change, by its id. */
async function reach(): Promise<ReadonlyMap<string, Reach>> {
  const durations: number[] = [];
  const count = (await load()).length;
  for (let index = 0; index < count; index++) {
    switches.currentTestId = undefined;
    const tests = await load();
    switches.currentTestId = String(index);
    const start = performance.now();
    await tests[index]?.run();
    durations.push(performance.now() - start);
    say({});
  }
  const { static: atLoad, perTest } = switches.mutantCoverage;
  const all = durations.map((_, index) => index).toSorted((a, b) => (durations[a] ?? 0) - (durations[b] ?? 0));
  return new Map(
    job.mutants.map((id) => {
      // What is reached while the modules are evaluated may change any test.
      const tests = id in atLoad ? all : all.filter((index) => perTest[index]?.[id] !== undefined);
      const hits = tests.reduce((sum, index) => sum + (perTest[index]?.[id] ?? 0), atLoad[id] ?? 0);
      return [id, { tests, hits, durationMs: tests.reduce((sum, index) => sum + (durations[index] ?? 0), 0) }];
    }),
  );
}

async function outcomeOf(id: string, { tests: numbers, hits, durationMs }: Reach): Promise<Outcome> {
  switches.activeMutant = id;
  switches.hitCount = 0;
  switches.hitLimit = hits * hitFactor;
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<'timeout'>((resolve) => {
    timer = setTimeout(() => resolve('timeout'), patienceMs + patienceFactor * durationMs);
  });
  try {
    const tests = await load();
    for (const number of numbers) {
      if ((await Promise.race([tests[number]?.run(), expired])) === 'timeout') return 'timeout';
    }
    return switches.hitCount > switches.hitLimit ? 'timeout' : 'survived';
  } catch {
    return (switches.hitCount ?? 0) > (switches.hitLimit ?? 0) ? 'timeout' : 'killed';
  } finally {
    clearTimeout(timer);
    switches.activeMutant = undefined;
  }
}

test('tries every change', async () => {
  const reached = await reach();
  for (const id of job.mutants) {
    const one = reached.get(id);
    say({ id });
    say({ id, outcome: one === undefined || one.tests.length === 0 ? 'survived' : await outcomeOf(id, one) });
  }
});
