import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { SystemClock } from '../backend/core/system-clock.ts';
import { GatewayServer } from '../backend/gateway/server.ts';
import { idleScheduler } from './fakes/idle-scheduler.ts';
import { apiRig } from './support/api-rig.ts';

vi.mock('node:http', async (original) => {
  const http = await original<typeof import('node:http')>();
  return { ...http, createServer: vi.fn(http.createServer) };
});

const page = readFileSync(join(import.meta.dirname, '../docs/gateway.md'), 'utf8');
const names = ['headersTimeout', 'requestTimeout', 'keepAliveTimeout', 'timeout'] as const;

/** Seconds of the row of docs/gateway.md, the gateway's first. */
function documented(name: string): readonly [gateway: number, control: number] {
  const found = new RegExp(`^\\| \`${name}\` \\|[^|]*\\| (\\d+) s \\| (\\d+) s \\|`, 'm').exec(page);
  return [Number(found?.[1]), Number(found?.[2])];
}

/** The server that the gateway makes for itself. */
function gatewayServer(): Server {
  const gateway = new GatewayServer({
    directory: { matchRoute: () => ({ kind: 'none' }) },
    scheduler: idleScheduler,
    clock: new SystemClock(),
    logger: { error: () => undefined },
    trustsProxy: false,
  });
  expect(gateway).toBeDefined();
  const made = vi.mocked(createServer).mock.results.at(-1)?.value;
  if (made === undefined) throw new Error('the gateway made no server');
  return made;
}

describe("Node's four time-outs, as docs/gateway.md has them", async () => {
  const gateway = gatewayServer();
  const rig = await apiRig();
  afterAll(async () => await rig[Symbol.asyncDispose]());

  it.each(names)('%s is set on both listeners', (name) => {
    const [forGateway, forControl] = documented(name);
    expect(forGateway).toBeGreaterThan(0);
    expect(gateway[name]).toBe(forGateway * 1000);
    expect(rig.app.server[name]).toBe(forControl * 1000);
  });

  it('leaves the longest call time: nothing that moves is cut before it', () => {
    expect(Math.min(gateway.timeout, rig.app.server.timeout)).toBeGreaterThan(900_000);
  });
});
