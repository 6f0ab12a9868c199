import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect } from 'vitest';
import { runCli } from '../../cli/program.ts';
import type { Platform } from './platform.ts';

export const examplesDirectory = join(import.meta.dirname, '../../examples');

/** Deploys an example's folder with the command line, as a person would; fails the test with what was said. */
export async function deployExample(platform: Platform, example: string): Promise<void> {
  const stderr = new PassThrough();
  const exitCode = await runCli({
    argv: ['deploy', join(examplesDirectory, example)],
    environment: { HEARTH_URL: platform.url, HEARTH_TOKEN: platform.token },
    directory: examplesDirectory,
    streams: { stdout: new PassThrough().resume(), stderr, stdin: new PassThrough() },
    signal: AbortSignal.timeout(100_000),
    version: 'test',
  });
  expect(exitCode, `${stderr.read()}\n${platform.output()}`).toBe(0);
}
