import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { whyNoEngine } from '../support/docker-daemon.ts';
import { type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { whyNoQemu } from '../support/qemu-programs.ts';
import { skippedFor } from '../support/skip-reason.ts';

/** Loopback, but not what programs inside take for their own. */
const host = '127.0.0.2';
const dockerHost = process.env['DOCKER_HOST'] ?? '';
const levels = [
  { isolation: 'docker', why: await whyNoEngine(dockerHost), environment: { HEARTH_DOCKER_HOST: dockerHost } },
  {
    isolation: 'qemu',
    why: whyNoQemu(),
    environment: { HEARTH_QEMU: 'true' },
  },
];

const nodeSource = `
import net from 'node:net';
const direct = (host, port) => new Promise((resolve) => {
  net.connect({ host, port }).once('connect', () => resolve('connected')).once('error', (error) => resolve(error.code));
});
export async function handler({ allowed, other }) {
  const response = await fetch(allowed, { method: 'POST', body: 'x'.repeat(3_000_000) });
  const refused = await fetch(other).catch((error) => String(error.cause?.cause));
  const { hostname, port } = new URL(allowed);
  return { status: response.status, bytes: (await response.text()).length, refused, direct: await direct(hostname, port) };
}`;
const pythonSource = `
import socket, urllib.error, urllib.parse, urllib.request
def handler(event, context):
    with urllib.request.urlopen(event["allowed"], data=b"x" * 3_000_000) as response:
        answer = {"status": response.status, "bytes": len(response.read())}
    try:
        urllib.request.urlopen(event["other"])
    except urllib.error.HTTPError as error:
        answer["refused"] = "%d (403) %s" % (error.code, error.read().decode())
    url = urllib.parse.urlparse(event["allowed"])
    try:
        socket.create_connection((url.hostname, url.port))
        answer["direct"] = "connected"
    except OSError as error:
        answer["direct"] = "E" + type(error).__name__
    return answer
`;

/** What the driver for processes does with the rest is in egress.test.ts: the proxy is the same. */
describe.each(levels)('an allow-list of hosts in $isolation', ({ isolation, why, environment }) => {
  let platform: Platform;
  const servers: Server[] = [];
  const serve = async (): Promise<string> => {
    const server = createServer((request, response) => void request.pipe(response));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return `http://${host}:${(server.address() as AddressInfo).port}/`;
  };
  beforeAll(async () => {
    if (why !== undefined) return;
    platform = await startPlatform({
      environment: { ...environment, HEARTH_EGRESS_PRIVATE: 'true', HEARTH_PREWARM: '0' },
    });
    await untilHealthy(platform, isolation);
  });
  afterAll(async () => {
    await platform?.dispose();
    for (const server of servers) server.close();
  });

  it.skipIf(why !== undefined).each([
    ['nodejs', { 'index.mjs': nodeSource }],
    ['python', { 'main.py': pythonSource }],
  ])(`lets %s reach its hosts and no other${skippedFor(why)}`, async (runtime, files) => {
    const [allowed, other] = [await serve(), await serve()];
    const own = { name: `out-${runtime}`, runtime, files, isolation, timeoutMs: 90_000 };
    const egress = { allow: [new URL(allowed).host] };
    const deployed = await platform.api('POST', '/api/v1/functions', { ...own, egress });
    expect(deployed.status, await deployed.text()).toBe(201);
    const answer = await platform.api('POST', `/api/v1/functions/out-${runtime}/invocations`, { allowed, other });
    expect(await answer.json()).toEqual({
      status: 200,
      bytes: 3_000_000,
      refused: expect.stringContaining('(403)'),
      direct: expect.stringMatching(/^E/),
    });
  });
});
