import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

const home = process.env['HEARTH_NANOS_HOME'] ?? '';
const reason = home === '' ? 'HEARTH_NANOS_HOME names no release of Nanos (scripts/setup_nanos.sh)' : undefined;
const python = `import os, subprocess
def handler(event, context):
    try:
        subprocess.run(["/bin/true"])
        child = "started"
    except OSError as error:
        child = error.strerror
    return {"sum": sum(event["numbers"]), "pid": os.getpid(), "child": child}
`;
const node = `import { spawnSync } from 'node:child_process';
import { writeFileSync, readFileSync } from 'node:fs';
export const handler = async ({ numbers }, context) => {
  console.log('adding', numbers.length);
  writeFileSync('/tmp/kept', 'on /tmp');
  return {
    sum: numbers.reduce((a, b) => a + b, 0),
    child: spawnSync('/bin/true').error?.code,
    kept: readFileSync('/tmp/kept', 'utf8'),
    name: context.functionName,
  };
};
`;

const asking = `export const handler = async ({ url }) => {
  try {
    return { text: await (await fetch(url)).text() };
  } catch (error) {
    return { error: String(error.cause ?? error) };
  }
};
`;

// The real platform and the real agents, in unikernels.
describe.skipIf(reason !== undefined)(`functions in unikernels${skippedFor(reason)}`, () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform({ environment: { HEARTH_NANOS_HOME: home, HEARTH_EGRESS_PRIVATE: 'true' } });
  }, 60_000);
  afterAll(async () => await platform.dispose());

  const deploy = async (body: object) =>
    await platform.api('POST', '/api/v1/functions', { isolation: 'nanos', timeoutMs: 60_000, ...body });
  const call = async (name: string, payload: object) => {
    const response = await platform.api('POST', `/api/v1/functions/${name}/invocations`, payload);
    return { status: response.status, body: await response.json() };
  };

  it('run in Node.js, and cannot start processes', async () => {
    const deployed = await deploy({ name: 'adds', runtime: 'nodejs', files: { 'index.mjs': node } });
    expect(deployed.status, await deployed.text()).toBe(201);
    expect(await call('adds', { numbers: [1, 2, 39] })).toEqual({
      status: 200,
      body: { sum: 42, child: 'ENOSYS', kept: 'on /tmp', name: 'adds' },
    });
    expect(await call('adds', { numbers: [1] })).toMatchObject({ status: 200, body: { sum: 1 } });
  }, 90_000);

  it('run in Python', async () => {
    const files = { 'main.py': python };
    const deployed = await deploy({ name: 'py-adds', runtime: 'python', handler: 'main.handler', files });
    expect(deployed.status, await deployed.text()).toBe(201);
    expect(await call('py-adds', { numbers: [1, 2, 39] })).toMatchObject({
      status: 200,
      body: { sum: 42, child: 'Function not implemented' },
    });
  }, 90_000);

  it('reach the hosts of an allow-list through the channel, and no others', async () => {
    const server = createServer((request, response) => response.end(`asked for ${request.url}`));
    // Loopback, but not what programs inside take for their own.
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.2', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const egress = { allow: [`127.0.0.2:${port}`] };
      const deployed = await deploy({
        name: 'asks',
        runtime: 'nodejs',
        initTimeoutMs: 60_000,
        egress,
        files: { 'index.mjs': asking },
      });
      expect(deployed.status, await deployed.text()).toBe(201);
      expect(await call('asks', { url: `http://127.0.0.2:${port}/page` })).toEqual({
        status: 200,
        body: { text: 'asked for /page' },
      });
      const other = await call('asks', { url: `http://127.0.0.3:${port}/` });
      expect(other.body).not.toHaveProperty('text', 'asked for /');
    } finally {
      server.close();
    }
  }, 90_000);

  it('are refused where a unikernel cannot run them, with the reason', async () => {
    const files = { bootstrap: '#!/bin/sh\n' };
    const custom = await deploy({ name: 'shell', runtime: 'custom', handler: 'x', files });
    expect(custom.status).toBe(422);
    expect(await custom.json()).toMatchObject({
      code: 'runtime_unsupported',
      detail: expect.stringContaining('a unikernel has one process'),
    });
    const pids = await deploy({ name: 'few', runtime: 'nodejs', maxPids: 20, files: { 'index.mjs': node } });
    expect(await pids.json()).toMatchObject({ code: 'limit_not_enforced', detail: expect.stringContaining('maxPids') });
    const out = await deploy({ name: 'out', runtime: 'nodejs', egress: 'all', files: { 'index.mjs': node } });
    expect(await out.json()).toMatchObject({ code: 'egress_unsupported' });
  });
});
