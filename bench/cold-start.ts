import { spawnSync } from 'node:child_process';
import { firstCalls } from './support/first-calls.ts';
import { median, percentile, type Row, row } from './support/numbers.ts';

/** So many that a 99th percentile is more than the worst of them; `HEARTH_BENCH_STARTS` for a shorter look. */
const starts = Number(process.env['HEARTH_BENCH_STARTS'] ?? 200);
const source = 'export async function handler() { return { ok: true }; }';
const python = { 'main.py': 'def handler(event, context):\n    return {"ok": True}\n' };

/** First call of a new function, from request to first byte: from the pre-warmed sandbox, and with none. */
export async function coldStart(): Promise<readonly Row[]> {
  const warm = await firstCalls({ layer: 'pre-warmed', runtime: 'nodejs', rounds: starts, source });
  const [bareNode, afterNode] = bare(process.execPath, ['-e', '0']);
  const cold = await firstCalls({ layer: 'cold', runtime: 'nodejs', rounds: starts, source, between: afterNode });
  const [barePython, afterPython] = bare('/usr/bin/python3', ['-S', '-c', '0']);
  const coldPython = await firstCalls({
    ...{ layer: 'cold', runtime: 'python', rounds: starts, source: '', between: afterPython },
    config: { handler: 'main.handler', files: python },
  });
  return [
    told('cold start from a pre-warmed sandbox, request to first byte', warm, 3, 10),
    row('bare `node -e 0`', words(bareNode), '', undefined, bareNode),
    told('cold start without one, Node.js', cold, 50, 100),
    beyond('the same / bare `node -e 0`: median + 40 ms at most', cold, bareNode),
    row('bare `python3 -S -c 0`', words(barePython), '', undefined, barePython),
    told('cold start without one, Python without modules', coldPython, 30, 60),
    beyond('the same / bare `python3 -S -c 0`: median + 40 ms at most', coldPython, barePython),
  ];
}

/** What a program takes to start and end, and how to add one more measurement to that. */
function bare(program: string, args: readonly string[]): [number[], () => void] {
  const took: number[] = [];
  const measure = (): void => {
    const startedAt = performance.now();
    spawnSync(program, args);
    took.push(performance.now() - startedAt);
  };
  return [took, measure];
}

const words = (took: readonly number[]): string =>
  `median ${median(took).toFixed(1)} ms, p95 ${percentile(took, 95).toFixed(1)} ms, p99 ${percentile(took, 99).toFixed(1)} ms`;

function told(what: string, took: readonly number[], medianMs: number, p99Ms: number): Row {
  const isMet = median(took) <= medianMs && percentile(took, 99) <= p99Ms;
  return row(
    `${what}, ${took.length} starts`,
    words(took),
    `median <= ${medianMs} ms, p99 <= ${p99Ms} ms`,
    isMet,
    took,
  );
}

function beyond(what: string, took: readonly number[], bareTook: readonly number[]): Row {
  const [mine, theirs] = [median(took), median(bareTook)];
  return row(
    what,
    `${(mine / theirs).toFixed(2)}, + ${(mine - theirs).toFixed(1)} ms`,
    '<= + 40 ms',
    mine <= theirs + 40,
  );
}
