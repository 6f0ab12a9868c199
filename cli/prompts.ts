import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit-codes.ts';

/** Has the name typed before something goes; `what` is what goes with it. */
export async function confirm({ terminal, signal }: CliContext, name: string, what: string): Promise<void> {
  if (terminal.streams.stdin.isTTY !== true)
    throw new CliError(exitCodes.usage, 'deleting needs --yes when there is no terminal to ask on');
  const prompt = createInterface({ input: terminal.streams.stdin, output: terminal.streams.stderr });
  try {
    const answer = await prompt.question(`Type ${name} to delete ${what}: `, { signal });
    if (answer.trim() !== name) throw new CliError(exitCodes.failure, 'not deleted');
  } finally {
    prompt.close();
  }
}

/** Asks for a password without showing it. */
export async function askPassword({ terminal, signal }: CliContext, question: string): Promise<string> {
  if (terminal.streams.stdin.isTTY !== true)
    throw new CliError(exitCodes.usage, 'no password given', {
      hint: 'Use --password-file (- reads stdin), or a terminal.',
    });
  terminal.streams.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: terminal.streams.stdin, output: nowhere, terminal: true });
  try {
    return await prompt.question('', { signal });
  } finally {
    prompt.close();
    terminal.streams.stderr.write('\n');
  }
}
