import { join } from 'node:path';
import { freePort, startServer, stopServer } from './processes.ts';

/** The baseline: bare node:http that parses and serialises what it gets, in a process of its own. */
export async function startBareEcho(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const program = join(import.meta.dirname, '../baselines/echo-server.mjs');
  const child = await startServer(process.execPath, [program, String(port)], url);
  return { url, stop: () => stopServer(child) };
}
