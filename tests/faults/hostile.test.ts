import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEngineHost } from '../../backend/execution-engine/drivers/docker/engine/endpoint.ts';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';
import { startTimeOf } from '../../backend/execution-engine/drivers/support/process-tree.ts';
import { buildStale } from '../../scripts/build.ts';
import { fingerprints, kernelSettings } from '../support/host-state.ts';
import { attackScript, fateOf, filesOf, type HostileRow, hostileRows } from '../support/hostile-rows.ts';
import { type IsolationLevel, isolationLevels } from '../support/isolation-levels.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { platformTree, readProcess } from '../support/process-tree.ts';
import { skippedFor } from '../support/skip-reason.ts';

/** A guest has a kernel of its own and no list of system calls: behind these is what belongs to the function alone. */
const callsOfGuests = [
  ...[
    'ptrace',
    'keyctl',
    'add_key',
    'request_key',
    'process_vm_readv',
    'process_vm_writev',
    'vmsplice',
    'personality-aslr',
  ],
  ...['mbind', 'move_pages', 'mq_open', 'read /proc/kallsyms'],
];

/** Attacks that may succeed at a level, each with the reason. Reviewed; anything else that opens fails the suite. */
const ofGuests = Object.fromEntries(
  callsOfGuests.map((name) => [name, "the guest's own kernel answers, and has nothing of others to give"]),
);
const reviewedOpen: Readonly<Record<IsolationLevel['isolation'], Readonly<Record<string, string>>>> = {
  process: {},
  docker: {},
  qemu: ofGuests,
  firecracker: ofGuests,
  nanos: {},
};
/** Is in the environment of the platform, and must be seen by no function. */
const slowStartMs = 120_000;
const marker = 'planted-in-the-platform-7f31';

describe.each(isolationLevels)('hostile functions at isolation $isolation', (level) => {
  const { isolation, environment, reason, startsSlowly, withoutChildren } = level;
  describe.skipIf(reason !== undefined)(`every row${skippedFor(reason)}`, () => {
    let platform: Platform;
    let before: readonly string[];
    /** Every process that was below the platform after a row, as `pid start`. */
    const seen = new Set<string>();
    /** Containers that were there before: other tests use the same daemon. */
    let strangers: ReadonlySet<string> = new Set();
    beforeAll(async () => {
      await buildStale(['guest', 'server']);
      before = hostState();
      if (isolation === 'docker') strangers = new Set(await containers());
      platform = await startPlatform({
        environment: { ...environment, HEARTH_ISOLATION: isolation, PLANTED_IN_ENVIRONMENT: marker },
      });
      await deploy('neighbour', 'nodejs', { 'index.mjs': 'export const handler = () => ({ fine: true });' });
    });
    afterAll(async () => await platform?.dispose());

    async function deploy(name: string, runtime: string, files: object, config: object = {}): Promise<void> {
      const handler = runtime === 'python' ? 'main.handler' : 'index.handler';
      const response = await platform.api('POST', '/api/v1/functions', { name, runtime, handler, files, ...config });
      expect(response.status, await response.text()).toBe(201);
    }
    async function call(name: string, event: object): Promise<{ status: number; body: Record<string, unknown> }> {
      const response = await platform.api('POST', `/api/v1/functions/${name}/invocations`, event);
      const text = await response.text();
      return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : { text } };
    }
    /** The function answers, with how often its instance was called; once one is there: on a busy machine a start may take longer than the deadline of the row. */
    async function calm(name: string): Promise<number> {
      const answer = await eventually(async () => {
        const said = await call(name, { calm: true });
        const isCalm = said.status === 200 && said.body['calm'] === true;
        if (!isCalm && (startsSlowly || said.body['code'] === 'no_capacity')) throw new Error(JSON.stringify(said));
        return said;
      }, slowStartMs);
      expect(answer).toEqual({ status: 200, body: { calm: true, calls: expect.any(Number) } });
      return Number(answer.body['calls']);
    }
    /** What rows ask about the host, which only the test knows. */
    function questions(): object {
      const own = [platform.dataDirectory, import.meta.dirname, '/root', '/var/run/docker.sock', '/run/docker.sock'];
      const devices = [
        '/etc/shadow',
        '/dev/vda',
        '/dev/sda',
        '/dev/kvm',
        '/dev/mem',
        '/proc/kcore',
        '/proc/1/root/root',
      ];
      const ports = [platform.url, platform.gatewayUrl].map((url) => Number(new URL(url).port));
      const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((item) => item.address));
      const targets = [
        ...[...addresses, 'localhost'].flatMap((host) => ports.map((port) => [host, port])),
        ...['169.254.169.254', 'fd00:ec2::254', '172.17.0.1', '10.0.0.1', '1.1.1.1'].map((host) => [host, 80]),
      ];
      return {
        paths: [...own, ...devices],
        // A container's mountinfo shows where its mounts come from, which is the data folder and an opaque number.
        markers: [marker, platform.token, 'neighbour', ...(isolation === 'docker' ? [] : [platform.dataDirectory])],
        targets,
      };
    }
    async function expectUnharmed(): Promise<void> {
      expect(await call('neighbour', {})).toEqual({ status: 200, body: { fine: true } });
      expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
    }

    const isGuest = isolation !== 'process' && isolation !== 'docker';
    /** What ends a guest is not its function, whose process is not seen from outside. */
    const whenKilled = isGuest ? '503 sandbox_lost' : '502 function_exited';
    const rows = numbered(hostileRows).map((row) => {
      const why = row.needsChildren === true ? withoutChildren : undefined;
      return { ...row, why, title: row.title + skippedFor(why) };
    });
    it.each(rows.filter(({ why }) => why === undefined))(
      '$row $title',
      { timeout: startsSlowly ? 2 * slowStartMs : 60_000 },
      async ({ name, outcomes, ...row }) => {
        await deploy(name, row.runtime, filesOf({ ...row, outcomes }), row.config);
        const before = row.row === 'A31' ? 0 : await calm(name);
        const answer = await call(name, { ...questions(), ...row.event });
        const isRight = outcomes.some(
          ({ status, code, body }) =>
            answer.status === status &&
            (code === undefined || answer.body['code'] === code) &&
            Object.entries(body ?? {}).every(
              ([key, value]) => JSON.stringify(answer.body[key]) === JSON.stringify(value),
            ),
        );
        for (const { pid } of platformTree(platform.pid).slice(1)) seen.add(markOf(pid));
        expect(isRight, JSON.stringify(answer).slice(0, 2000)).toBe(true);
        expect(JSON.stringify(answer.body)).not.toContain(platform.dataDirectory);
        await expectUnharmed();
        if (row.row !== 'A31') {
          const after = await calm(name);
          const fate = fateOf({ ...row, outcomes });
          if (fate === 'kept') expect(after).toBeGreaterThanOrEqual(before + 2);
          if (fate === 'replaced') expect(after).toBeLessThanOrEqual(before);
        }
        await platform.api('DELETE', `/api/v1/functions/${name}`);
      },
    );

    it.skip.each(rows.filter(({ why }) => why !== undefined))('$row $title', () => undefined);

    const attacksBy = `A24, A25: raw system calls and sockets find nothing open, more than ninety of them${skippedFor(withoutChildren)}`;
    it.skipIf(withoutChildren !== undefined)(attacksBy, async () => {
      const source = `import subprocess, sys
def handler(event, context):
  done = subprocess.run([sys.executable, '-I', '-u', '/app/attacks.py', str(event['port'])], capture_output=True, text=True)
  return {'lines': done.stdout.splitlines(), 'error': done.stderr[-500:]}
`;
      await deploy(
        'attacks',
        'python',
        { 'main.py': source, 'attacks.py': attackScript },
        { timeoutMs: 60_000, memoryMb: 256 },
      );
      const { body } = await call('attacks', { port: Number(new URL(platform.url).port) });
      const lines = body['lines'] as readonly string[];
      expect(lines.at(-1), JSON.stringify(body)).toBe('end 0');
      expect(lines.length).toBeGreaterThan(90);
      const open = lines.filter((line) => line.endsWith(' OPEN')).map((line) => line.replace(/ OPEN$/, ''));
      expect(open.filter((attack) => reviewedOpen[isolation][attack] === undefined)).toEqual([]);
      await expectUnharmed();
    });

    it('A20: nothing that one function left is seen by another', async () => {
      const leave = `import { writeFileSync } from 'node:fs'; export function handler() { writeFileSync('/tmp/left', 's'); globalThis.left = 's'; Object.prototype.left = 's'; process.env.LEFT = 's'; return {}; }`;
      const look = `import { readdirSync } from 'node:fs'; export function handler() { return { tmp: readdirSync('/tmp'), left: globalThis.left ?? ({}).left ?? process.env.LEFT ?? null }; }`;
      await deploy('leaves', 'nodejs', { 'index.mjs': leave });
      await deploy('looks', 'nodejs', { 'index.mjs': look });
      for (let round = 0; round < 20; round++) {
        await call('leaves', {});
        expect(await call('looks', {})).toEqual({ status: 200, body: { tmp: [], left: null } });
      }
    });

    it(
      'A7: a sandbox that is killed from outside fails its call, and an asynchronous one is tried again',
      async () => {
        const source = `export async function handler(event, { attempt }) {
  process.title = event.title;
  console.log('here is ' + event.title);
  if (attempt > 1) return { attempt };
  await new Promise(() => {});
}`;
        const retry = { maxAttempts: 3, minBackoffMs: 100, maxBackoffMs: 100 };
        await deploy('killed', 'nodejs', { 'index.mjs': source }, { timeoutMs: 100_000, retry });
        const killed = async (title: string) => {
          await eventually(async () => {
            const logs = await (await platform.api('GET', '/api/v1/functions/killed/logs')).text();
            if (!logs.includes(`here is ${title}`)) throw new Error('it does not run yet');
          }, slowStartMs);
          for (const pid of bodiesOf(title)) process.kill(pid, 'SIGKILL');
        };
        const sync = call('killed', { title: 'a7-sync' });
        await killed('a7-sync');
        const { status, body } = await sync;
        expect([`${status} ${body['code']}`], JSON.stringify(body)).toEqual([whenKilled]);
        const queued = await platform.api('POST', '/api/v1/functions/killed/invocations?mode=async', {
          title: 'a7-async',
        });
        expect(queued.status).toBe(202);
        await killed('a7-async');
        const { id } = (await queued.json()) as { readonly id: string };
        const ended = await eventually(async () => {
          const document = (await (await platform.api('GET', `/api/v1/invocations/${id}`)).json()) as Record<
            string,
            unknown
          >;
          if (document['status'] !== 'success') throw new Error(JSON.stringify(document));
          return document;
        }, slowStartMs);
        expect(ended).toMatchObject({ attempts: 2 });
        await platform.api('DELETE', '/api/v1/functions/killed');
        // Guests are killed all together, the neighbour's too.
        await eventually(expectUnharmed, slowStartMs);
      },
      4 * slowStartMs,
    );

    async function containers(): Promise<readonly string[]> {
      const engine = new EngineClient({ endpoint: parseEngineHost(environment['HEARTH_DOCKER_HOST'] ?? '') });
      try {
        return (await engine.listContainers({ label: ['hearth.sandbox'] })).map(({ Id }) => Id);
      } finally {
        engine.close();
      }
    }

    /** Processes of this host in which a function runs that has given itself this title; of a guest, what runs the guests. */
    function bodiesOf(title: string): readonly number[] {
      const own = isGuest ? platformTree(platform.pid).map(({ pid }) => pid) : pidsOfHost();
      const found = own.filter((pid) =>
        isGuest ? /^(qemu|firecracker)/.test(nameOf(pid)) : readProcess(pid, 'cmdline').includes(title),
      );
      if (found.length === 0) throw new Error(`nothing is called ${title}`);
      return found;
    }

    it('has changed nothing on this host, and the platform is the one that began', async () => {
      await expectUnharmed();
      expect(hostState()).toEqual(before);
    });

    it('leaves nothing behind when the platform ends: no process that a row had, and no container', async () => {
      expect(isolation === 'docker' ? 1 : seen.size).toBeGreaterThan(0);
      expect(await platform.stop()).toBe(0);
      await eventually(() => expect([...seen].filter((process) => processesOfHost().has(process))).toEqual([]));
      if (isolation !== 'docker') return;
      await eventually(async () => expect((await containers()).filter((id) => !strangers.has(id))).toEqual([]));
    });
  });
});

const pidsOfHost = (): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
/** The same number may be another process later. */
const markOf = (pid: number): string => `${pid} ${startTimeOf(pid) ?? ''}`;
const processesOfHost = (): ReadonlySet<string> => new Set(pidsOfHost().map(markOf));
const nameOf = (pid: number): string => readProcess(pid, 'comm').toString();

/** Rows with names that the platform takes, one of each. */
function numbered(rows: readonly HostileRow[]): readonly (HostileRow & { readonly name: string })[] {
  return rows.map((row, i) => ({ ...row, name: `row-${row.row.toLowerCase()}-${i}` }));
}

/** Hashes of what an escape would change first, and settings of the kernel. */
function hostState(): readonly string[] {
  const files = [
    '/etc/passwd',
    '/etc/shadow',
    '/etc/group',
    '/etc/hosts',
    '/etc/crontab',
    '/root/.bashrc',
    '/etc/ld.so.cache',
  ];
  const of = (path: string): string =>
    `${createHash('sha256').update(readFileSync(path)).digest('hex')} ${statSync(path).mode}`;
  return [...fingerprints(files, of), ...kernelSettings()];
}
