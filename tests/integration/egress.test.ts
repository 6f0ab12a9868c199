import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cost } from '../../shared/api/cost.ts';
import type { EgressRefusalList } from '../../shared/api/egress.ts';
import type { Metrics } from '../../shared/api/metrics.ts';
import { needsOpenssl, selfSigned } from '../support/certificate.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

/** Loopback, but not what programs inside take for their own. */
const host = '127.0.0.2';
const needsCurl = spawnSync('curl', ['--version']).status === 0 ? undefined : 'curl is not installed';
let platform: Platform;
let guarded: Platform;
let allowed: Server;
let other: Server;
let raw: TcpServer;
let secured: Server;
let directory: string;
const portOf = (server: Server | TcpServer): number => (server.address() as AddressInfo).port;
const hits: string[] = [];
const authorizations: (string | undefined)[] = [];

async function listening<T extends Server | TcpServer>(server: T): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return server;
}

beforeAll(async () => {
  allowed = await listening(
    createServer((request, response) => {
      if (request.url === '/large') response.end(Buffer.alloc(20_000_000, 'x'));
      else request.pipe(response.writeHead(200, { 'x-path': request.url ?? '' }));
    }),
  );
  other = await listening(
    createServer((request, response) => {
      hits.push(request.url ?? '');
      response.end('other');
    }),
  );
  raw = await listening(createTcpServer((socket) => void socket.on('error', () => undefined).resume()));
  const { key, cert } = needsOpenssl === undefined ? selfSigned(`IP:${host}`) : { key: '', cert: '' };
  directory = mkdtempSync(join(tmpdir(), 'hearth-egress-'));
  const ca = join(directory, 'ca.pem');
  writeFileSync(ca, cert);
  secured = await listening(
    createTlsServer({ key, cert }, (request, response) => {
      authorizations.push(request.headers.authorization);
      request.pipe(response);
    }),
  );
  [platform, guarded] = await Promise.all([
    startPlatform({ environment: { HEARTH_EGRESS_PRIVATE: 'true', NODE_EXTRA_CA_CERTS: ca } }),
    startPlatform({ environment: { HEARTH_PREWARM: '0' } }),
  ]);
});
afterAll(async () => {
  await Promise.all([platform?.dispose(), guarded?.dispose()]);
  for (const server of [allowed, other, raw, secured]) server?.close();
  rmSync(directory, { recursive: true, force: true });
});

const deploy = async (on: Platform, name: string, more: object) => {
  const answer = await on.api('POST', '/api/v1/functions', { name, isolation: 'process', ...more });
  return { status: answer.status, body: await answer.json() };
};
const call = async (name: string, event: unknown = {}, on = platform): Promise<unknown> => {
  const answer = await on.api('POST', `/api/v1/functions/${name}/invocations`, event);
  return await answer.json();
};
const metrics = async (): Promise<string> => await (await platform.api('GET', '/metrics')).text();
const linesOf = async (name: string, on = platform): Promise<string> =>
  await (await on.api('GET', `/api/v1/functions/${name}/logs`)).text();

const nodeSource = `
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
const viaHttp = (url) => new Promise((resolve) => http.get(url, async (response) => {
  let text = '';
  for await (const chunk of response) text += chunk;
  resolve({ status: response.statusCode, text });
}).on('error', (error) => resolve({ error: error.code })));
const held = [];
export async function handler({ what, url, body, host, port, parts }) {
  if (what === 'fetch') {
    try {
      const response = await fetch(url, body === undefined ? {} : { method: 'POST', body });
      return { status: response.status, path: response.headers.get('x-path'), text: await response.text() };
    } catch (error) { return { error: String(error.cause?.cause ?? error.cause) }; }
  }
  if (what === 'size') {
    let bytes = 0;
    for await (const chunk of (await fetch(url)).body) bytes += chunk.length;
    return bytes;
  }
  if (what === 'http') return await viaHttp(url);
  if (what === 'direct') {
    const socket = net.connect({ host, port });
    return await new Promise((resolve) => socket.once('connect', () => resolve('connected')).once('error', (error) => resolve(error.code)));
  }
  if (what === 'hold') {
    const proxy = new URL(process.env.HTTP_PROXY);
    const socket = net.connect({ host: proxy.hostname, port: proxy.port });
    held.push(socket);
    socket.write('CONNECT ' + host + ':' + port + ' HTTP/1.1\\r\\n\\r\\n');
    return String((await once(socket, 'data'))[0]);
  }
  if (what === 'memory') {
    // Looked for in two halves that do not lie side by side in a pool, so that what is asked for is not what is found.
    const [first, second] = parts.map((part) => Buffer.alloc(part.length, part));
    const maps = fs.readFileSync('/proc/self/maps', 'latin1').split('\\n');
    const memory = fs.openSync('/proc/self/mem', 'r');
    const page = Buffer.alloc(1 << 20);
    let found = 0;
    for (const line of maps) {
      const range = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
      if (range === null || line.includes('[v')) continue;
      const [from, to] = [parseInt(range[1], 16), parseInt(range[2], 16)];
      for (let at = from; at < to; at += 1 << 20) {
        let bytes;
        try { bytes = page.subarray(0, fs.readSync(memory, page, 0, Math.min(1 << 20, to - at), at)); } catch { continue; }
        for (let i = bytes.indexOf(first); i >= 0; i = bytes.indexOf(first, i + 1))
          if (bytes.indexOf(second, i) === i + first.length) found++;
      }
    }
    return found;
  }
  // hearth-tunnel-probe: what the search of the memory must find.
  return process.env;
}`;

const pythonSource = `
import json, os, urllib.request, urllib.error, time
def handler(event, context):
    started = time.monotonic()
    data = event.get("body")
    try:
        with urllib.request.urlopen(event["url"], data=data.encode() if data else None) as response:
            body = response.read()
            return {"status": response.status, "text": body.decode() if len(body) < 1000 else len(body),
                    "path": response.headers["x-path"], "ms": (time.monotonic() - started) * 1000}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "text": error.read().decode()}
`;

const bootstrap = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  curl -sf -D /tmp/head -o /tmp/event "$api/next" || exit 9
  id=$(sed -n 's/^lambda-runtime-aws-request-id: *\\([^[:space:]]*\\).*/\\1/p' /tmp/head)
  curl -s -o /tmp/answer -w '"%{http_code}"' "$(cat /tmp/event | tr -d '"')" > /tmp/said
  curl -s --data-binary @/tmp/said "$api/$id/response" > /dev/null
done
`;

describe('an allow-list of hosts', () => {
  it('is checked when a version is deployed', async () => {
    const files = { 'index.mjs': nodeSource };
    const wrong = await deploy(platform, 'wrong', { files, egress: { allow: ['ok.example', 'https://x.example/'] } });
    expect(wrong).toMatchObject({ status: 400, body: { code: expect.any(String) } });
    expect(JSON.stringify(wrong.body)).toContain('without scheme and path');
  });

  it('lets Node.js reach the host on the list by fetch and by node:http, and no other', async () => {
    const allow = [`${host}:${portOf(allowed)}`];
    expect(await deploy(platform, 'out', { files: { 'index.mjs': nodeSource }, egress: { allow } })).toMatchObject({
      status: 201,
    });
    const url = `http://${host}:${portOf(allowed)}/a`;
    expect(await call('out', { what: 'fetch', url, body: 'hello' })).toEqual({
      status: 200,
      path: '/a',
      text: 'hello',
    });
    expect(await call('out', { what: 'http', url })).toEqual({ status: 200, text: '' });
    const elsewhere = `http://${host}:${portOf(other)}/secret`;
    expect(await call('out', { what: 'fetch', url: elsewhere })).toEqual({ error: expect.stringContaining('(403)') });
    expect(await call('out', { what: 'http', url: elsewhere })).toMatchObject({
      status: 403,
      text: expect.stringContaining('it is not on the allow-list of this function'),
    });
    expect(hits).toEqual([]);
    await expect.poll(() => linesOf('out')).toContain(`egress to ${host}:${portOf(other)} was refused`);
    await expect.poll(metrics).toMatch(/hearth_egress_refused_total{function="out",reason="not-on-list"} 2/);
    const refusals = async () =>
      ((await (await platform.api('GET', '/api/v1/functions/out/egress-refusals')).json()) as EgressRefusalList).items;
    await expect.poll(refusals).toEqual([
      {
        host: `${host}:${portOf(other)}`,
        reason: 'not-on-list',
        message: 'it is not on the allow-list of this function',
        count: 2,
        version: 1,
        firstAt: expect.any(String),
        lastAt: expect.any(String),
      },
    ]);
    expect(await metrics()).toMatch(/hearth_egress_connections_total [1-9]/);
  });

  it('writes no secret into the record and the log of what it refused, whatever name a function asks for', async () => {
    const value = 'Planted-4C1f8E2a';
    expect((await platform.api('PUT', '/api/v1/secrets/ASKED_FOR', { value })).status).toBe(200);
    const config = { files: { 'index.mjs': nodeSource }, secrets: ['ASKED_FOR'], egress: { allow: ['a.example'] } };
    expect((await deploy(platform, 'teller', config)).status).toBe(201);
    expect(await call('teller', { what: 'http', url: `http://${value}.example/` })).toMatchObject({ status: 403 });
    const record = async () => await (await platform.api('GET', '/api/v1/functions/teller/egress-refusals')).text();
    await expect.poll(record).toContain('"host":"[redacted].example:80"');
    await expect.poll(() => linesOf('teller')).toContain('egress to [redacted].example:80 was refused');
    // Names of hosts are written in small letters.
    for (const text of [await record(), await linesOf('teller')]) expect(text).not.toMatch(/planted-4c1f8e2a/i);
  });

  it('leaves the sandbox without a network of its own', async () => {
    for (const [to, port] of [
      [host, portOf(allowed)],
      ['127.0.0.1', Number(new URL(platform.url).port)],
      ['169.254.169.254', 80],
    ])
      expect(await call('out', { what: 'direct', host: to, port })).toMatch(/ECONNREFUSED|ENETUNREACH|EHOSTUNREACH/);
  });

  it('carries 20 MB through a channel that calls use too', async () => {
    const url = `http://${host}:${portOf(allowed)}/large`;
    expect(await call('out', { what: 'size', url })).toBe(20_000_000);
    // And it is counted for the version that did it, in Prometheus, in charts, and in what it would cost.
    const count = /hearth_instance_network_bytes_total{function="out",version="1",direction="receive"} (?<bytes>\d+)/;
    const received = async () => Number(count.exec(await metrics())?.groups?.['bytes'] ?? 0);
    await expect.poll(received).toBeGreaterThanOrEqual(20_000_000);
    expect(await received()).toBeLessThan(21_000_000);
    await eventually(async () => {
      const { total } = (await (await platform.api('GET', '/api/v1/metrics?function=out')).json()) as Metrics;
      expect(total?.networkReceivedBytes).toBeGreaterThanOrEqual(20_000_000);
      expect(total?.networkSentBytes).toBeGreaterThan(0);
      const { items } = (await (await platform.api('GET', '/api/v1/metrics/costs')).json()) as Cost;
      const cost = items.find(({ functionName }) => functionName === 'out');
      expect(cost?.networkSentBytes).toBe(total?.networkSentBytes);
      expect(cost?.egressBytes).toBe((cost?.responseBytes ?? 0) + (cost?.networkSentBytes ?? 0));
    });
  });

  it('closes connections when their instance ends', async () => {
    const allow = [`${host}:${portOf(raw)}`];
    await deploy(platform, 'hold', { files: { 'index.mjs': nodeSource }, egress: { allow } });
    expect(await call('hold', { what: 'hold', host, port: portOf(raw) })).toContain('200 Connection Established');
    const open = async () =>
      await new Promise<number>((resolve) => raw.getConnections((_error, count) => resolve(count)));
    await expect.poll(open).toBe(1);
    await platform.api('DELETE', '/api/v1/functions/hold');
    await expect.poll(open).toBe(0);
  });

  it('lets Python reach the host', async () => {
    const allow = [`${host}:${portOf(allowed)}`];
    await deploy(platform, 'snake', { runtime: 'python', files: { 'main.py': pythonSource }, egress: { allow } });
    const url = `http://${host}:${portOf(allowed)}`;
    for (let i = 0; i < 3; i++)
      expect(await call('snake', { url: `${url}/p`, body: 'hi' })).toMatchObject({
        status: 200,
        text: 'hi',
        path: '/p',
      });
    expect(await call('snake', { url: `${url}/large` })).toMatchObject({ status: 200, text: 20_000_000 });
    expect(await call('snake', { url: `http://${host}:${portOf(other)}/` })).toMatchObject({
      status: 403,
      text: expect.stringContaining('allow-list'),
    });
  });

  it.skipIf(needsCurl !== undefined)(
    `lets the program of a custom runtime reach the host${skippedFor(needsCurl)}`,
    async () => {
      const allow = [`${host}:${portOf(allowed)}`];
      await deploy(platform, 'shell', { runtime: 'custom', files: { bootstrap }, egress: { allow } });
      expect(await call('shell', `http://${host}:${portOf(allowed)}/`)).toBe('200');
      expect(await call('shell', `http://${host}:${portOf(other)}/`)).toBe('403');
    },
  );

  it('reaches no private address unless the operator says so, whatever the list says', async () => {
    const allow = [`${host}:${portOf(allowed)}`];
    await deploy(guarded, 'out', { files: { 'index.mjs': nodeSource }, egress: { allow } });
    const url = `http://${host}:${portOf(allowed)}/`;
    expect(await call('out', { what: 'http', url }, guarded)).toEqual({
      status: 403,
      text: expect.stringContaining('it is not in the public internet'),
    });
  });

  it.skipIf(needsOpenssl !== undefined)(
    `adds a secret that the sandbox never has${skippedFor(needsOpenssl)}`,
    async () => {
      const value = 'planted-9f3c1b7e5d';
      const rule = { host: `${host}:${portOf(secured)}`, secret: 'API_KEY', prefix: 'Bearer ' };
      const config = { files: { 'index.mjs': nodeSource }, egress: { allow: [rule] } };
      expect((await deploy(platform, 'signed', config)).body).toMatchObject({ code: 'secret_not_set' });
      expect((await platform.api('PUT', '/api/v1/secrets/API_KEY', { value })).status).toBe(200);
      expect((await deploy(platform, 'signed', config)).status).toBe(201);
      const url = `http://${host}:${portOf(secured)}/v1`;
      expect(await call('signed', { what: 'fetch', url, body: 'hello' })).toMatchObject({ status: 200, text: 'hello' });
      expect(await call('signed', { what: 'http', url })).toMatchObject({ status: 200 });
      expect(authorizations).toEqual([`Bearer ${value}`, `Bearer ${value}`]);
      // Nowhere inside: the environment, and all memory of the process that can be read.
      expect(JSON.stringify(await call('signed', { what: 'environment' }))).not.toContain(value);
      expect(await call('signed', { what: 'memory', parts: ['planted-', '9f3c1b7e5d'] })).toBe(0);
      expect(await call('signed', { what: 'memory', parts: ['hearth-', 'tunnel-probe'] })).toBeGreaterThan(0);
      const changed = await platform.api('PUT', '/api/v1/secrets/API_KEY', { value: 'another-value' });
      expect(changed.status).toBe(200);
      await call('signed', { what: 'fetch', url });
      expect(authorizations.at(-1)).toBe('Bearer another-value');
      expect(await (await platform.api('DELETE', '/api/v1/secrets/API_KEY')).json()).toMatchObject({
        code: 'secret_in_use',
      });
    },
  );

  it('is nothing that container images have', async () => {
    const image = { reference: 'busybox' };
    const answer = await deploy(platform, 'boxed', {
      runtime: 'image',
      isolation: 'docker',
      image,
      egress: { allow: ['a.example'] },
    });
    expect(answer.status).toBe(422);
  });
});
