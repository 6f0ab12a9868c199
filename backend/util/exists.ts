import { stat } from 'node:fs/promises';

/** Whether there is something at a path, links followed. What may not be looked at counts as not there. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
