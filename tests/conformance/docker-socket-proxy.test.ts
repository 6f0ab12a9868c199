import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toEngineEndpoint } from '../../backend/execution-engine/drivers/docker/engine/endpoint.ts';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';
import { freePort } from '../../bench/support/processes.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';
import { callsInSource, callsInUse } from '../support/docker-engine-calls.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { describeDocker } from './docker-suite.ts';

const config = join(import.meta.dirname, '../../deploy/socket-proxy/haproxy.cfg');
const dockerHost = process.env['DOCKER_HOST'] ?? '';
const socket = dockerHost === '' ? '/var/run/docker.sock' : dockerHost.replace(/^unix:\/\//, '');

async function whyNot(): Promise<string | undefined> {
  if (spawnSync('haproxy', ['-v']).status !== 0) return 'haproxy is not installed: scripts/setup_env.sh --tests';
  if (!socket.startsWith('/')) return 'DOCKER_HOST is no Unix socket';
  return await whyNoEngine(dockerHost);
}
const reason = await whyNot();
const port = await freePort();
const url = `http://127.0.0.1:${port}`;

/** The proxy of deploy/compose.yaml, between the driver and a real daemon. */
describe.skipIf(reason !== undefined)(`the socket proxy${skippedFor(reason)}`, () => {
  let proxy: ChildProcess;
  beforeAll(async () => {
    const env = { ...process.env, HEARTH_PROXY_BIND: `127.0.0.1:${port}`, HEARTH_DOCKER_SOCKET: socket };
    proxy = spawn('haproxy', ['-db', '-f', config], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    for (let i = 0; i < 1200 && proxy.exitCode === null; i++) {
      if (
        await fetch(`${url}/_ping`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        return;
      await delay(50);
    }
    throw new Error(`haproxy does not answer${proxy.exitCode === null ? '' : `: it ended with ${proxy.exitCode}`}`);
  });
  afterAll(() => proxy?.kill('SIGKILL'));

  it('is asked here for every call that the source of the driver makes', () => {
    expect(Object.keys(callsInUse).sort()).toEqual(callsInSource());
  });

  it.for(Object.keys(callsInUse))('lets %s through', async (name) => {
    const engine = new EngineClient({ endpoint: toEngineEndpoint(`tcp://127.0.0.1:${port}`) });
    const outcome = await callsInUse[name]?.(engine).then(
      () => 'done',
      (error: { code?: string }) => error.code ?? String(error),
    );
    engine.close();
    // The daemon was asked, and what does not exist is not found; `docker_forbidden` would be the proxy's answer.
    expect(outcome).toMatch(/^(done|docker_(failed|image_missing|container_missing|network_missing|conflict))$/);
  });

  describeDocker('docker through the socket proxy', () => `tcp://127.0.0.1:${port}`);

  it.each([
    ['POST', '/containers/x/exec'],
    ['POST', '/exec/x/start'],
    ['POST', '/build'],
    ['POST', '/commit?container=x'],
    ['GET', '/containers/x/archive?path=/'],
    ['PUT', '/containers/x/archive?path=/'],
    ['GET', '/containers/x/export'],
    ['GET', '/containers/x/logs?stdout=1'],
    ['POST', '/containers/x/update'],
    ['POST', '/containers/x/rename?name=y'],
    ['GET', '/images/x/get'],
    ['DELETE', '/images/x'],
    ['POST', '/images/x/push'],
    ['GET', '/volumes'],
    ['POST', '/volumes/create'],
    ['GET', '/networks'],
    ['DELETE', '/networks/bridge'],
    ['POST', '/networks/hearth-egress-0/connect'],
    ['POST', '/networks/hearth-egress-0'],
    ['GET', '/networks/create'],
    ['POST', '/swarm/init'],
    ['GET', '/secrets'],
    ['POST', '/plugins/pull?remote=x'],
    ['POST', '/session'],
    ['POST', '/grpc'],
    ['POST', '/system/prune'],
    ['POST', '/containers/prune'],
    ['GET', '/v1.41/volumes'],
    ['POST', '/v1.41/containers/json/../x/exec'],
    ['GET', '/containers/x/json/../archive'],
    ['GET', '/%5fping/../volumes'],
  ])('refuses %s %s', async (method, path) => {
    expect(await statusOf(method, path)).toBe(403);
  });
});

/** As it stands: fetch would tidy the path up. */
async function statusOf(method: string, path: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    request(url, { method, path }, (response) => resolve(response.resume().statusCode ?? 0))
      .once('error', reject)
      .end();
  });
}
