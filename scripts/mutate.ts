/**
 * `npm run mutate [part of a path …]`: changes the parsers one operator at a time and says which changes no test notices; exit status 1 when less than
 * 85 % of the changes of a file are noticed. Not part of `npm test`, because it takes minutes.
 *
 * Stryker's instrumenter puts all changes of a file into one text, each behind a switch, and one process of vitest tries one after the other
 * (mutate-driver.ts): Stryker's own runner starts the test files anew for each change, which took 1.3 s of waiting each where this takes hundredths. It
 * brings many packages, which is why it is in no lock file; it is installed beside the others when it is asked for, in the version that is named here,
 * without install scripts.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Job, Mutant, Outcome } from './mutate-job.ts';
import { parsers } from './parsers.ts';

const version = '10.1.1';
const leastScore = 85;
/** What keeps the process from saying anything for so long has put it into an endless loop. */
const silenceMs = 30_000;
const root = join(import.meta.dirname, '..');
const home = join(root, 'node_modules/.cache', `stryker-instrumenter-${version}`);
const instrumenterPath = join(home, 'node_modules/@stryker-mutator/instrumenter/dist/src/index.js');

interface Instrumenter {
  instrument(
    files: readonly { readonly name: string; readonly content: string; readonly mutate: boolean }[],
    options: object,
  ): Promise<{ readonly files: readonly { readonly content: string }[]; readonly mutants: readonly Mutant[] }>;
}

async function instrumenter(): Promise<Instrumenter> {
  if (!existsSync(instrumenterPath)) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{"private": true}');
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--save-exact'];
    const npm = ['install', ...options, `@stryker-mutator/instrumenter@${version}`];
    if (spawnSync('npm', npm, { cwd: home, stdio: 'inherit' }).status !== 0)
      throw new Error('Stryker could not be installed');
  }
  const module = (await import(pathToFileURL(instrumenterPath).href)) as {
    readonly Instrumenter: new (logger: object) => Instrumenter;
  };
  const ignore = () => undefined;
  return new module.Instrumenter({ info: ignore, debug: ignore, warn: console.warn, isDebugEnabled: () => false });
}

function config(folder: string, file: string, tests: readonly string[]): string {
  const absolute = (path: string) => join(root, path);
  return `import { readFileSync } from 'node:fs';
const tests = new Set(${JSON.stringify(tests.map(absolute))});
export default {
  root: ${JSON.stringify(root)},
  cacheDir: ${JSON.stringify(join(folder, 'cache'))},
  plugins: [{
    name: 'mutants',
    enforce: 'pre',
    resolveId: (id, importer) => id === 'vitest' && tests.has(importer) ? ${JSON.stringify(absolute('scripts/mutate-tests.ts'))} : undefined,
    load: (id) => id === ${JSON.stringify(absolute(file))} ? readFileSync(${JSON.stringify(join(folder, 'mutated.ts'))}, 'utf8') : undefined,
  }],
  test: { include: ['scripts/mutate-driver.ts'], pool: 'forks', maxWorkers: 1, testTimeout: 0, dangerouslyIgnoreUnhandledErrors: true },
};`;
}

/** Runs the driver until it ends or says nothing any more. */
function drive(folder: string, output: string): Promise<boolean> {
  const env = { HEARTH_TEST_FUZZ_FACTOR: '0.02', HEARTH_TEST_FUZZ_SEED: '1', ...process.env };
  const child: ChildProcess = spawn(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(folder, 'config.mjs'), '--reporter=dot'],
    {
      cwd: root,
      env: { ...env, HEARTH_MUTATE_JOB: join(folder, 'job.json') },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve, reject) => {
    const watch = setInterval(() => {
      if (Date.now() - statSync(output).mtimeMs < silenceMs) return;
      // Its workers are in its process group.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, 1000);
    child.on('close', (status, signal) => {
      clearInterval(watch);
      if (signal === 'SIGKILL') resolve(false);
      else if (status === 0) resolve(true);
      else reject(new Error(`the tests without a change ended with status ${status}:\n${said}`));
    });
  });
}

/** What became of each change of a file. */
async function tryAll(
  folder: string,
  file: string,
  tests: readonly string[],
  tool: Instrumenter,
): Promise<{ readonly mutants: readonly Mutant[]; readonly outcomes: ReadonlyMap<string, Outcome> }> {
  mkdirSync(folder);
  const options = { plugins: null, excludedMutations: [], ignorers: [] };
  const content = readFileSync(join(root, file), 'utf8');
  const { files, mutants } = await tool.instrument([{ name: join(root, file), content, mutate: true }], options);
  const output = join(folder, 'outcomes.jsonl');
  writeFileSync(join(folder, 'mutated.ts'), files[0]?.content ?? '');
  writeFileSync(join(folder, 'config.mjs'), config(folder, file, tests));
  writeFileSync(output, '');
  const outcomes = new Map<string, Outcome>();
  for (let isDone = false; !isDone; ) {
    const left = mutants.filter(({ id }) => !outcomes.has(id)).map(({ id }) => id);
    const job: Job = { tests: tests.map((test) => join(root, test)), output, mutants: left };
    writeFileSync(join(folder, 'job.json'), JSON.stringify(job));
    utimesSync(output, new Date(), new Date());
    const known = outcomes.size;
    isDone = await drive(folder, output);
    for (const line of readFileSync(output, 'utf8').split('\n').filter(Boolean)) {
      const { id, outcome } = JSON.parse(line) as { id?: string; outcome?: Outcome };
      // What was begun and has no end is what the process did not come back from.
      if (id !== undefined) outcomes.set(id, outcome ?? 'timeout');
    }
    if (!isDone && outcomes.size === known)
      throw new Error(`a test took more than ${silenceMs / 1000} s without a change`);
  }
  return { mutants, outcomes };
}

/** A change that nothing noticed, as `file:line:column: what stood there -> what stands there`. */
function describe(file: string, { location: { start, end }, replacement }: Mutant): string {
  const lines = readFileSync(join(root, file), 'utf8')
    .split('\n')
    .slice(start.line, end.line + 1);
  lines.push(lines.pop()?.slice(0, end.column) ?? '');
  const short = (text: string) => text.replaceAll(/\s+/g, ' ').replace(/^(.{120}).+$/, '$1…');
  return `${file}:${start.line + 1}:${start.column + 1}: ${short(lines.join('\n').slice(start.column))} -> ${short(replacement)}`;
}

const wanted = process.argv.slice(2);
const chosen = parsers.filter(({ file }) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (chosen.length === 0) throw new Error(`scripts/parsers.ts has no file with ${wanted.join(' or ')} in its path`);
const tool = await instrumenter();
const work = mkdtempSync(join(tmpdir(), 'hearth-mutate-'));
const table: string[] = [];
const weak: string[] = [];
/** Of what cannot be measured, because the tests fail without a change. */
const failures: string[] = [];

async function measure(folder: string, { file, tests }: (typeof parsers)[number]): Promise<void> {
  const { mutants, outcomes } = await tryAll(folder, file, tests, tool);
  const count = (outcome: Outcome) => mutants.filter(({ id }) => outcomes.get(id) === outcome).length;
  const [killed, survived, timeout] = [count('killed'), count('survived'), count('timeout')];
  const score = (100 * (killed + timeout)) / Math.max(1, mutants.length);
  const row = `${file} ${score.toFixed(1)} ${killed} ${survived} ${timeout}`;
  const alive = mutants.filter(({ id }) => outcomes.get(id) === 'survived');
  console.log([...alive.map((mutant) => describe(file, mutant)), row].join('\n'));
  table.push(row);
  if (score < leastScore) weak.push(file);
}

async function measureNext(queue: IterableIterator<[number, (typeof parsers)[number]]>): Promise<void> {
  for (const [index, parser] of queue) {
    try {
      await measure(join(work, String(index)), parser);
    } catch (error) {
      failures.push(`${parser.file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

try {
  const queue = chosen.entries();
  const atOnce = Number(process.env['HEARTH_TEST_FILES_AT_ONCE'] ?? Math.min(2, availableParallelism()));
  await Promise.all(Array.from({ length: atOnce }, () => measureNext(queue)));
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`\nfile score killed survived timeout\n${table.toSorted().join('\n')}`);
for (const failure of failures) console.log(`\nnot measured: ${failure}`);
if (weak.length > 0) console.log(`less than ${leastScore} %: ${weak.join(', ')}`);
if (weak.length + failures.length > 0) process.exitCode = 1;
