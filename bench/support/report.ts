import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import type { Row } from './numbers.ts';

/** What one run measured, and where. */
export interface Report {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly machine: string;
  readonly benches: Readonly<Record<string, readonly Row[]>>;
}

export function reportOf(benches: Readonly<Record<string, readonly Row[]>>): Report {
  const memoryGib = Math.round(totalmem() / 1_073_741_824);
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${memoryGib} GiB, Node ${process.versions.node}`;
  return { at: new Date().toISOString(), machine, benches };
}

/** The table of docs/performance.md, under a line that says when and where. */
export function markdownOf(report: Report): string {
  const lines = Object.values(report.benches)
    .flat()
    .map((row) => {
      const met = row.isMet === undefined ? '' : row.isMet ? 'yes' : '**no**';
      return `| ${row.what} | ${row.value} | ${row.goal} | ${met} |`;
    });
  return [
    `${report.at.slice(0, 10)}, ${report.machine}`,
    '',
    '| what | measured | goal | met |',
    '| --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}

/** Writes `text` to a file that the caller of the bench named. */
export function writeReport(path: string, text: string): void {
  writeFileSync(path, text);
  console.error(`written to ${path}`);
}
