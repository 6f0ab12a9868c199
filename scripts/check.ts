/** `npm run check`: everything that can be checked without running the product. Stops at nothing, says all, exits 1 if anything failed. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules', name);

interface Check {
  readonly name: string;
  readonly argv: readonly string[];
}

const checks: readonly Check[] = [
  { name: 'types', argv: [bin('typescript/bin/tsc'), '-p', 'tsconfig.json'] },
  { name: 'types of the dashboard', argv: [bin('typescript/bin/tsc'), '-p', 'frontend/tsconfig.json'] },
  { name: 'lint and format', argv: [bin('@biomejs/biome/bin/biome'), 'ci', '--colors=off', '.'] },
  {
    name: 'import direction',
    argv: [
      bin('dependency-cruiser/bin/dependency-cruiser.mjs'),
      '--config',
      '.dependency-cruiser.cjs',
      'shared',
      'backend',
      'cli',
      'frontend',
      'scripts',
    ],
  },
  { name: 'dead code', argv: [bin('knip/bin/knip.js')] },
  { name: 'OpenAPI in step', argv: ['scripts/openapi.ts', '--check'] },
  { name: 'configuration page in step', argv: ['scripts/config-docs.ts', '--check'] },
  { name: 'sizes of the dashboard', argv: ['scripts/dashboard-budget.ts'] },
  { name: 'rules of the repository', argv: ['scripts/repo-rules.ts'] },
  { name: 'supply chain', argv: ['scripts/supply-chain.ts'] },
];

async function run(
  check: Check,
): Promise<{ readonly isOk: boolean; readonly output: string; readonly tookMs: number }> {
  const startedAt = performance.now();
  return await new Promise((resolve) => {
    const child = spawn(process.execPath, [...check.argv], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('close', (code) => resolve({ isOk: code === 0, output, tookMs: performance.now() - startedAt }));
  });
}

const wanted = process.argv.slice(2);
const selected = checks.filter((check) => wanted.length === 0 || wanted.some((name) => check.name.includes(name)));
let isOk = true;
const waiting = [...selected];
async function runOnes(): Promise<void> {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
    const result = await run(check);
    console.log(`${result.isOk ? 'ok  ' : 'FAIL'} ${check.name} (${(result.tookMs / 1000).toFixed(1)} s)`);
    if (result.isOk) continue;
    isOk = false;
    console.log(result.output.trim().replace(/^/gm, '     '));
  }
}
// Two at a time: the machines that this runs on have few processors.
await Promise.all([runOnes(), runOnes()]);
process.exitCode = isOk ? 0 : 1;
