import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCli } from '../../cli/program.ts';
import type { Platform } from './platform.ts';

const timeoutMs = 100_000;

/** Runs one command line of the CLI against this platform, in this process. */
export async function hearth(platform: Pick<Platform, 'url' | 'token'>, ...argv: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runCli({
    argv,
    environment: { HEARTH_URL: platform.url, HEARTH_TOKEN: platform.token },
    directory: import.meta.dirname,
    streams: { stdout, stderr, stdin: new PassThrough() },
    signal: AbortSignal.timeout(timeoutMs),
    version: 'test',
  });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}
