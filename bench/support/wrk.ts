import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface LoadResult {
  /** Answers that came back whole. */
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were not 2xx or 3xx, and socket errors. */
  readonly failures: number;
}

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One run of wrk with one thread. Rejects when wrk is not installed. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-wrk-'));
  const script = join(folder, 'request.lua');
  const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`;
  writeFileSync(
    script,
    `wrk.method = ${options.body === undefined ? '"GET"' : '"POST"'}\n` +
      (options.body === undefined ? '' : `wrk.body = ${quote(options.body)}\n`) +
      Object.entries({ 'content-type': 'application/json', ...options.headers })
        .map(([name, value]) => `wrk.headers[${quote(name)}] = ${quote(value)}\n`)
        .join(''),
  );
  try {
    const { stdout } = await promisify(execFile)('wrk', [
      '-t1',
      `-c${options.connections}`,
      `-d${options.seconds}s`,
      '--latency',
      '-s',
      script,
      options.url,
    ]);
    return parse(stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const units: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function parse(text: string): LoadResult {
  const percentile = (name: string): number => {
    const match = new RegExp(`${name}%\\s+([\\d.]+)(us|ms|s|m)`).exec(text);
    return Number(match?.[1] ?? Number.NaN) * (units[match?.[2] ?? 'ms'] ?? 1);
  };
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const failures =
    Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0) +
    (sockets === null ? 0 : sockets.slice(1).reduce((sum, count) => sum + Number(count), 0));
  return {
    requests: Number(/(\d+) requests in /.exec(text)?.[1] ?? Number.NaN),
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? Number.NaN),
    p50Ms: percentile('50'),
    p99Ms: percentile('99'),
    failures,
  };
}
