import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type Row, row } from './numbers.ts';

/** Time for platforms to end what they started, once a bench was told to end. */
const graceMs = 15_000;

/**
 * Runs `program` with `argv` in a process group of its own and resolves with the rows that it sends. When it ends without, or does not end
 * within the limit, everything in the group is ended and one row says so, with its goal missed. An interrupt of this process ends the group too.
 */
export async function boundedRun(
  name: string,
  program: string,
  argv: readonly string[],
  limitSeconds: number,
): Promise<readonly Row[]> {
  const child = fork(program, argv, { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let rows: readonly Row[] | undefined;
  child.once('message', (sent) => {
    rows = sent as readonly Row[];
  });
  const ended = once(child, 'exit');
  const interrupt = (): void => {
    signalGroup(child.pid, 'SIGTERM');
    process.exit(130);
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    signalGroup(child.pid, 'SIGTERM');
  }, limitSeconds * 1000);
  const gone = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), limitSeconds * 1000 + graceMs);
  const [code, signal] = (await ended) as [number | null, string | null];
  for (const timer of [late, gone]) clearTimeout(timer);
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  if (rows !== undefined) return rows;
  if (!isLate) return [row(name, `ended with ${code ?? signal} and no result`, 'a result', false)];
  // What it started is still ending; the next bench has the machine for itself.
  await groupEnded(child.pid);
  return [row(name, `not done within ${limitSeconds} s`, 'a result', false)];
}

/** Whether any process of the group was there to be signalled. */
function signalGroup(pid: number | undefined, signal: NodeJS.Signals | 0): boolean {
  try {
    return pid !== undefined && process.kill(-pid, signal);
  } catch {
    return false;
  }
}

async function groupEnded(pid: number | undefined): Promise<void> {
  const until = performance.now() + graceMs;
  while (signalGroup(pid, 0)) {
    if (performance.now() > until) signalGroup(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
