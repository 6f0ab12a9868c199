import { readFileSync } from 'node:fs';
import type { CliContext } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { readAll } from './login.ts';

/** How an event is given. */
export interface EventOptions {
  readonly data?: string;
  /** `-` is stdin. */
  readonly file?: string;
}

/** What the command line, a file or stdin has, as it is; undefined when nothing is given. Fails with `usage` for files that cannot be read. */
export async function bytesFrom(
  context: CliContext,
  options: EventOptions,
): Promise<string | Uint8Array<ArrayBuffer> | undefined> {
  if (options.data !== undefined && options.file !== undefined)
    throw new CliError(exitCodes.usage, '--data and --file are both given; leave one out');
  if (options.file === '-') return await readAll(context.terminal.streams.stdin);
  if (options.file !== undefined) {
    try {
      return new Uint8Array(readFileSync(options.file));
    } catch (error) {
      throw new CliError(
        exitCodes.usage,
        `cannot read ${options.file}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  return options.data;
}

/** JSON from the command line, bytes of a file or of stdin; `null` when nothing is given. Fails with `usage` for text that is not JSON and files that cannot be read. */
export async function eventFrom(context: CliContext, options: EventOptions): Promise<string | Uint8Array<ArrayBuffer>> {
  const given = await bytesFrom(context, options);
  if (given !== undefined && options.data === undefined) return given;
  const text = options.data ?? 'null';
  try {
    JSON.parse(text);
  } catch (error) {
    throw new CliError(
      exitCodes.usage,
      `--data is not JSON: ${error instanceof Error ? error.message : String(error)}`,
      { hint: `Quote it for the shell: -d '{"name":"Ada"}'` },
    );
  }
  return text;
}
