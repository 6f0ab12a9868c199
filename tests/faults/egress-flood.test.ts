import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildStale } from '../../scripts/build.ts';
import { isolationLevels } from '../support/isolation-levels.ts';
import { eventually, type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

/** Loopback, but not what programs inside take for their own. */
const host = '127.0.0.2';
const slowMs = 120_000;
/** What a flood may cost the platform at its peak (12 to 102 MB were seen): 64 connections with 128 KiB each way, twice, what the channel holds, and most of all garbage
 * not yet collected, for hundreds of megabytes fit into the kernel before a host that does not read stops them. Without bounds it would be gigabytes.
 */
const mostGrowthMb = 192;

/** What a hostile function does with its way out; `calm` asks whether it still has one. */
const source = `
import { fstatSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
const proxy = () => new URL(process.env.HTTP_PROXY);
const held = new Set();
/** Resolves with what the proxy says, or with how the connection ended; the connection stays open. */
const open = (target, onOpen) => new Promise((resolve) => {
  const socket = connect({ host: proxy().hostname, port: Number(proxy().port) });
  held.add(socket);
  let said = '';
  const hear = (chunk) => {
    said += chunk;
    if (!said.includes('\\r\\n\\r\\n')) return;
    socket.off('data', hear);
    socket.pause();
    onOpen?.(socket);
    resolve(said.split(' ')[1]);
  };
  socket.on('data', hear);
  socket.once('error', (error) => resolve(error.code)).once('close', () => { held.delete(socket); resolve('closed'); });
  socket.write('CONNECT ' + target + ' HTTP/1.1\\r\\nhost: ' + target + '\\r\\n\\r\\n');
});
const drop = () => { for (const socket of held) socket.destroy(); };
const tally = (answers) => answers.reduce((all, answer) => ({ ...all, [answer]: (all[answer] ?? 0) + 1 }), {});
const settled = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function handler({ what, target, other, rounds }) {
  if (what === 'calm') return { calm: (await open(target)) === '200' };
  if (what === 'open') {
    const answers = [];
    for (let round = 0; round < rounds; round++) answers.push(...await Promise.all(Array.from({ length: 100 }, () => open(target))));
    drop();
    return tally(answers);
  }
  if (what === 'refused') {
    const answers = [];
    for (let round = 0; round < rounds; round++) {
      answers.push(...await Promise.all(Array.from({ length: 50 }, () => open(other))));
      drop();
    }
    return tally(answers);
  }
  if (what === 'send' || what === 'ask') {
    const chunk = Buffer.alloc(65_536, 120);
    const push = (socket) => { while (!socket.destroyed && socket.write(chunk)); socket.once('drain', () => push(socket)); };
    const answers = await Promise.all(Array.from({ length: 60 }, () => open(target, what === 'send' ? push : undefined)));
    await settled(1000);
    const answered = tally(answers);
    drop();
    return answered;
  }
  // Frames that ask for connections, written past the agent to whatever its channel may be.
  const frames = Buffer.alloc(12 * 4000);
  for (let i = 0; i < 4000; i++) { frames[i * 12 + 4] = 17; frames.writeUInt32BE(1_000_000 + i, i * 12 + 8); }
  for (let fd = 3; fd < 64; fd++) { try { const stat = fstatSync(fd); if (stat.isSocket() || stat.isCharacterDevice()) writeSync(fd, frames); } catch {} }
  await new Promise(() => {});
}
`;

const peakMb = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
/** Makes the peak of memory begin anew at what is used now; that is the answer. */
function forgetPeak(pid: number): number {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return peakMb(pid);
}

describe.each(isolationLevels)('a flood through the way out of a function in $isolation', (level) => {
  const { isolation, environment, reason, startsSlowly } = level;
  /** A call waits for its instance to start. */
  const timeoutMs = slowMs;
  /** An emulated processor opens a few dozen connections in a second. */
  const rounds = startsSlowly ? 5 : 30;

  describe.skipIf(reason !== undefined)(`is bounded${skippedFor(reason)}`, () => {
    let platform: Platform;
    let silent: Server;
    let generous: Server;
    const sockets = new Set<Socket>();
    const serve = async (onConnection: (socket: Socket) => void): Promise<Server> => {
      const server = createServer((socket) => {
        sockets.add(socket.on('error', () => undefined));
        socket.once('close', () => sockets.delete(socket));
        onConnection(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, host, resolve));
      return server;
    };
    const at = (server: Server): string => `${host}:${(server.address() as AddressInfo).port}`;

    beforeAll(async () => {
      await buildStale(['guest', 'server']);
      // The first hears nothing that it is told, the second tells without end.
      silent = await serve((socket) => socket.pause());
      generous = await serve((socket) => {
        const chunk = Buffer.alloc(1_000_000, 'x');
        const more = (): void => {
          while (!socket.destroyed && socket.write(chunk));
        };
        socket.on('drain', more);
        more();
      });
      platform = await startPlatform({
        environment: {
          ...environment,
          HEARTH_ISOLATION: isolation,
          HEARTH_EGRESS_PRIVATE: 'true',
          HEARTH_PREWARM: '0',
        },
      });
      await untilHealthy(platform, isolation);
      await deploy('neighbour', 'export const handler = () => ({ fine: true });', { minInstances: 1, timeoutMs });
      await call('neighbour', {});
    }, 2 * slowMs);
    afterAll(async () => {
      await platform?.dispose();
      for (const socket of sockets) socket.destroy();
      for (const server of [silent, generous]) server?.close();
    });

    async function deploy(name: string, code: string, config: object): Promise<void> {
      const body = { name, runtime: 'nodejs', files: { 'index.mjs': code }, ...config };
      const response = await platform.api('POST', '/api/v1/functions', body);
      expect(response.status, await response.text()).toBe(201);
    }
    async function call(name: string, event: object): Promise<{ status: number; body: Record<string, unknown> }> {
      const response = await platform.api('POST', `/api/v1/functions/${name}/invocations`, event);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    }
    async function expectCalm(name: string): Promise<void> {
      const answer = await call(name, { what: 'calm', target: at(silent) });
      expect(answer).toEqual({ status: 200, body: { calm: true } });
      expect(await call('neighbour', {})).toEqual({ status: 200, body: { fine: true } });
    }
    const descriptors = (): number => readdirSync(`/proc/${platform.pid}/fd`).length;

    /**
     * Plays it with a function of its own while a neighbour is called; says what came of it, and what it cost the platform at its peak. Afterwards
     * the function is calm where it is to be, and when it is gone so is all that it held.
     */
    async function play(what: string, target: string) {
      const name = `flood-${what}`;
      const egress = { allow: [at(silent), at(generous)] };
      const before = descriptors();
      await deploy(name, source, { egress, timeoutMs, memoryMb: 256, maxInstances: 1 });
      await eventually(() => expectCalm(name), startsSlowly ? 3 * slowMs : slowMs);
      const beforeMb = forgetPeak(platform.pid);
      const flood = call(name, { what, target, other: `${host}:9`, rounds });
      let isOver = false;
      const over = flood.finally(() => (isOver = true));
      while (!isOver) expect(await call('neighbour', {})).toEqual({ status: 200, body: { fine: true } });
      const growthMb = peakMb(platform.pid) - beforeMb;
      await eventually(() => expectCalm(name), startsSlowly ? 3 * slowMs : slowMs);
      await platform.api('DELETE', `/api/v1/functions/${name}`);
      await eventually(() => expect(descriptors()).toBeLessThan(before + 20));
      return { ...(await over), growthMb };
    }

    it.each([
      { title: 'a hundred connections again and again: 64 at a time, the others are closed', what: 'open' },
      { title: 'fifty again and again to a host that is not on the list: each is refused', what: 'refused' },
      { title: 'sixty that send without end to a host that does not read', what: 'send' },
      { title: 'sixty that ask for gigabytes and do not read', what: 'ask' },
    ])('$title', { timeout: 8 * slowMs }, async ({ what }) => {
      const { status, body, growthMb } = await play(what, what === 'ask' ? at(generous) : at(silent));
      expect(status, JSON.stringify(body)).toBe(200);
      const counts = body as Record<string, number>;
      if (what === 'open') {
        expect(counts['200']).toBeGreaterThan(0);
        expect(counts['200']).toBeLessThanOrEqual(64);
        expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(100 * rounds);
      }
      if (what === 'refused') expect(counts['403']).toBeGreaterThan(20 * rounds);
      if (what === 'send' || what === 'ask') expect(counts).toEqual({ 200: 60 });
      expect(growthMb).toBeLessThan(mostGrowthMb);
    });

    it('frames that ask for thousands of connections, past the agent', { timeout: 8 * slowMs }, async () => {
      const { status, body, growthMb } = await play('frames', at(silent));
      expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'protocol_violation' });
      expect(growthMb).toBeLessThan(mostGrowthMb);
    });
  });
});
