import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildStale } from '../../scripts/build.ts';

/** vitest's global set-up: tests that start sandboxes need the agents, and tests that start the platform need all of it. */
export async function setup(): Promise<void> {
  const entry = join(import.meta.dirname, '../../backend/execution-engine/runtimes/nodejs/guest/agent.ts');
  if (existsSync(entry)) await buildStale(['guest']);
}
