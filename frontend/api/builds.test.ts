import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BuildDocument } from '../../shared/api/builds.ts';
import type { BuildProgress } from '../util/build-progress.ts';
import { Api } from './api.ts';
import { finishedBuild } from './builds.ts';
import { ApiClient } from './client.ts';
import type { StreamState } from './follow.ts';
import { Session } from './session.ts';

const at = '2026-11-27T10:00:00.000Z';
const running: BuildDocument = {
  ...{ id: 'bld_1', functionName: 'one', state: 'building', steps: [], createdAt: at, finishedAt: null },
  ...{ createdBy: 'ada', source: 'dashboard', message: '', version: null, error: null },
};
const event = (kind: string, data: object, id = '') =>
  `${id === '' ? '' : `id: ${id}\n`}event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
const line = (seq: number) => event('line', { seq, step: 'install', at, text: `line ${seq}` }, String(seq));
const error = { status: 422, code: 'build_failed', message: 'no', errors: [], buildErrors: [] };

let server: Server;
let api: Api;
/** What each connection is told before it is closed. */
let told: string[];
let resumed: (string | undefined)[];
beforeEach(async () => {
  resumed = [];
  server = createServer((request, response) => {
    resumed.push(request.headers['last-event-id']?.toString());
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(told[resumed.length - 1]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const storage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
  const session = new Session({ lasting: storage, passing: storage });
  session.signIn('t', false);
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  api = new Api({ client: new ApiClient({ session, baseUrl, fetch: globalThis.fetch }) });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test('a build is followed over a lost connection, which is said, to what it made', async () => {
  told = [event('build', running) + line(1), line(2) + event('end', { ...running, state: 'ready', version: 3 })];
  const states: StreamState[] = [];
  let last: BuildProgress | undefined;
  const made = await finishedBuild(api, 'bld_1', {
    onProgress: (progress) => {
      last = progress;
    },
    onState: (state) => states.push(state),
  });
  expect(made).toMatchObject({ state: 'ready', version: 3 });
  expect(last?.lines.map(({ text }) => text)).toEqual(['line 1', 'line 2']);
  expect(resumed).toEqual([undefined, '1']);
  expect(states.slice(0, 5)).toEqual(['connecting', 'open', 'waiting', 'connecting', 'open']);
});

test('one of which nothing comes is the refusal that whoever waited would have got', async () => {
  told = [line(1) + event('end', { ...running, state: 'failed', error })];
  const ended = finishedBuild(api, 'bld_1', { onProgress: () => undefined });
  await expect(ended).rejects.toMatchObject({ status: 422, problem: { code: 'build_failed', buildLog: ['line 1'] } });
});
