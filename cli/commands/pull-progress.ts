import { setTimeout as sleep } from 'node:timers/promises';
import { pullsSchema } from '../../shared/api/system.ts';
import type { CliContext } from '../context.ts';

const everyMs = 500;

/** Says how far the platform is with images that it pulls, while a deploy is on its way. Settles as the deploy does. */
export async function withPullProgress<T>({ client, terminal }: CliContext, deploy: Promise<T>): Promise<T> {
  const over = new AbortController();
  const end = (): void => over.abort();
  deploy.then(end, end);
  let before = '';
  while (!over.signal.aborted) {
    await sleep(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
    if (over.signal.aborted) break;
    // Progress is a courtesy: a token that may deploy but not look gets none.
    const { pulls } = await client.get('/api/v1/system/pulls', pullsSchema).catch(() => ({ pulls: [] }));
    for (const pull of pulls) {
      const size = `${megabytes(pull.currentBytes)} of ${megabytes(pull.totalBytes)} MB`;
      const line = `${pull.reference}: ${pull.status}, ${pull.layersDone} of ${pull.layers} layers, ${size}`;
      if (line !== before) terminal.say(line);
      before = line;
    }
  }
  return await deploy;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
