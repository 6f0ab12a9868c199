import { readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEngineHost } from '../../backend/execution-engine/drivers/docker/engine/endpoint.ts';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';
import { buildStale } from '../../scripts/build.ts';
import { type InvocationDetail, invocationDetailSchema } from '../../shared/api/invocations.ts';
import { hostState } from '../support/host-state.ts';
import { fateOf, filesOf, groupsOf, type Outcome, type RowGroup } from '../support/hostile-row.ts';
import { attackScript, hostileRows } from '../support/hostile-rows.ts';
import { type IsolationLevel, isolationLevels } from '../support/isolation-levels.ts';
import { type Listener, listeners, listenersSince } from '../support/listening-sockets.ts';
import { eventually, type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { platformTree, readProcess } from '../support/process-tree.ts';
import { markOf, nameOf, pidsOfHost, processesOfHost, remaining, tracesOf } from '../support/sandbox-traces.ts';
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
  ...['mbind', 'move_pages', 'set_mempolicy', 'get_mempolicy', 'modify_ldt', 'mq_open', 'read /proc/kallsyms'],
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
const slowStartMs = 180_000;
/** How long after its time-out a call may end, by the platform's own clock, where the machine has other things to do. */
const lateMs = 2000;
/** What the platform may grow by while it is attacked. */
const mostGrowthMb = 64;
const marker = 'planted-in-the-platform-7f31';

describe.each(isolationLevels)('hostile functions at isolation $isolation', (level) => {
  const { isolation, environment, reason, startsSlowly, withoutChildren } = level;
  describe.skipIf(reason !== undefined)(`every row${skippedFor(reason)}`, () => {
    let platform: Platform;
    let before: readonly string[];
    let listening: readonly Listener[];
    /** Every process that was below the platform after a row, as `pid start`. */
    const seen = new Set<string>();
    /** Containers that were there before: other tests use the same daemon. */
    let strangers: ReadonlySet<string> = new Set();
    let beforeMb = 0;
    beforeAll(async () => {
      await buildStale(['guest', 'server']);
      before = hostState();
      if (isolation === 'docker') strangers = new Set(await containers());
      platform = await startPlatform({
        environment: { ...environment, HEARTH_ISOLATION: isolation, PLANTED_IN_ENVIRONMENT: marker },
      });
      await untilHealthy(platform, isolation);
      const fine = 'export const handler = () => ({ fine: true });';
      await deploy('neighbour', 'nodejs', { 'index.mjs': fine }, startsSlowly ? { timeoutMs: slowStartMs } : {});
      await eventually(expectUnharmed, 3 * slowStartMs);
      beforeMb = residentMb();
      listening = listeners();
    }, 4 * slowStartMs);
    afterAll(async () => await platform?.dispose());

    async function deploy(name: string, runtime: string, files: object, config: object = {}): Promise<void> {
      const handler = runtime === 'python' ? 'main.handler' : 'index.handler';
      const response = await platform.api('POST', '/api/v1/functions', { name, runtime, handler, files, ...config });
      expect(response.status, await response.text()).toBe(201);
    }
    async function call(name: string, event: object): Promise<Answer> {
      const response = await platform.api('POST', `/api/v1/functions/${name}/invocations`, event);
      const id = response.headers.get('hearth-invocation-id') ?? '';
      return { id, status: response.status, body: (await response.json()) as Answer['body'] };
    }
    const residentMb = (): number =>
      Number(/VmRSS:\s+(\d+)/.exec(readProcess(platform.pid, 'status').toString())?.[1]) / 1024;
    /** The function answers; which instance it was. On a busy machine a start may take longer than the deadline of the row. */
    async function calm(name: string): Promise<string> {
      const answer = await eventually(async () => {
        const said = await call(name, { calm: true });
        const isLate = said.body?.['code'] === 'no_capacity' || said.body?.['code'] === 'function_timeout';
        if (said.status !== 200 && (startsSlowly || isLate)) throw new Error(JSON.stringify(said));
        return said;
      }, slowStartMs);
      expect(answer).toMatchObject({ status: 200, body: { calm: true, instance: expect.any(String) } });
      return String(answer.body?.['instance']);
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
        isGuest,
        paths: [...own, ...devices],
        // A container's mountinfo shows where its mounts come from, which is the data folder and an opaque number.
        markers: [marker, platform.token, 'neighbour', ...(isolation === 'docker' ? [] : [platform.dataDirectory])],
        targets,
      };
    }
    async function expectUnharmed(): Promise<void> {
      expect(await call('neighbour', {})).toMatchObject({ status: 200, body: { fine: true } });
      expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
    }

    const isGuest = isolation !== 'process' && isolation !== 'docker';
    /** What ends a guest is not its function, whose process is not seen from outside. */
    const whenKilled = isGuest ? '503 sandbox_lost' : '502 function_exited';
    const groups = groupsOf(hostileRows).map((group) => {
      const { timeoutMs } = group.config;
      const isTooBrief = startsSlowly && timeoutMs !== undefined && timeoutMs < 2000;
      return isTooBrief ? { ...group, config: { ...group.config, timeoutMs: 2000 } } : group;
    });
    const rows = groups.flatMap((group) =>
      group.rows.map((row) => {
        const why = row.needsChildren === true ? withoutChildren : undefined;
        const outcomes = (isolation === 'nanos' ? row.inUnikernel : undefined) ?? row.outcomes;
        return { ...row, outcomes, group, why, title: row.title + skippedFor(why) };
      }),
    );
    /** The function that rows are played by now, and its instance; undefined when the last row did not end as it should. */
    let played: { readonly group: RowGroup; readonly instance: string | undefined } | undefined;
    const markOfGroup = (group: RowGroup): string => `${platform.pid}-${group.name}`;
    async function instanceFor(group: RowGroup): Promise<string | undefined> {
      if (played?.group !== group) {
        if (played !== undefined) await platform.api('DELETE', `/api/v1/functions/${played.group.name}`);
        await deploy(group.name, group.runtime, filesOf(group, markOfGroup(group)), group.config);
        played = { group, instance: undefined };
      }
      if (group.rows.some((row) => row.module !== undefined)) return undefined;
      return played.instance ?? (await calm(group.name));
    }
    it.each(rows.filter(({ why }) => why === undefined))(
      '$row $title',
      { timeout: startsSlowly ? 2 * slowStartMs : 60_000 },
      async ({ group, ...row }) => {
        const instance = await instanceFor(group);
        played = { group, instance: undefined };
        const traces = bodiesCalled(markOfGroup(group)).map(tracesOf);
        for (const { processes } of traces) for (const mark of processes) seen.add(mark);
        for (const { pid } of platformTree(platform.pid).slice(1)) seen.add(markOf(pid));
        const answer = await besideOthers(call(group.name, { ...questions(), row: row.key }));
        const mismatches = await Promise.all(row.outcomes.map((outcome) => mismatchOf(outcome, answer, group)));
        expect(mismatches, JSON.stringify(answer).slice(0, 2000)).toContain(undefined);
        expect(JSON.stringify(answer.body)).not.toContain(platform.dataDirectory);
        if (row.module !== undefined) return;
        const after = await calm(group.name);
        played = { group, instance: after };
        const fate = fateOf(row);
        if (fate === 'kept') expect(after).toBe(instance);
        if (fate !== 'replaced') return;
        expect(after).not.toBe(instance);
        if (!isGuest) expect(traces.length).toBeGreaterThan(0);
        await eventually(() => expect(traces.flatMap(remaining)).toEqual([]));
      },
    );

    /** In what an answer, and what the platform keeps of it, is not this outcome. */
    async function mismatchOf(
      outcome: Outcome,
      { id, status, body }: Answer,
      group: RowGroup,
    ): Promise<string | undefined> {
      if (status !== outcome.status || (outcome.code !== undefined && body?.['code'] !== outcome.code)) return 'code';
      if (outcome.detail !== undefined && !outcome.detail.test(String(body?.['detail']))) return 'detail';
      const { stack } = (body?.['error'] ?? {}) as { readonly stack?: string };
      if (outcome.stack !== undefined && !outcome.stack.test(stack ?? '')) return 'stack';
      if (outcome.body === null && body !== null) return 'body';
      const isSame = (key: string, value: unknown) => JSON.stringify(body?.[key]) === JSON.stringify(value);
      if (!Object.entries(outcome.body ?? {}).every(([key, value]) => isSame(key, value))) return 'body';
      if (status < 300 && outcome.logs === undefined) return undefined;
      const record = await recordOf(id);
      for (const text of outcome.logs ?? []) await eventually(() => expectLogged(record, text));
      if (status < 300) return undefined;
      const { error, timing } = record;
      expect([body?.['invocationId'], record.functionName, typeof error?.message]).toEqual([id, group.name, 'string']);
      const { timeoutMs = 30_000 } = group.config;
      const tookMs = timing?.totalMs ?? Number.NaN;
      if (outcome.code === 'function_timeout') {
        expect(tookMs).toBeGreaterThanOrEqual(timeoutMs - 1);
        expect(tookMs).toBeLessThan(timeoutMs + lateMs);
      } else if (!startsSlowly) expect(tookMs).toBeLessThan(timeoutMs / 2);
      return undefined;
    }
    async function recordOf(id: string): Promise<InvocationDetail> {
      return await eventually(async () => {
        const response = await platform.api('GET', `/api/v1/invocations/${id}`);
        const record = invocationDetailSchema.parse(await response.json());
        expect(record.finishedAt).not.toBeNull();
        return record;
      });
    }
    async function expectLogged({ id, functionName }: InvocationDetail, text: string): Promise<void> {
      const query = new URLSearchParams({ invocation: id, search: text, limit: '1' });
      const page = await (await platform.api('GET', `/api/v1/functions/${functionName}/logs?${query}`)).json();
      expect((page as { readonly items: readonly unknown[] }).items, text).toHaveLength(1);
    }
    /** While it goes on, the platform and a neighbour answer every time. */
    async function besideOthers<T>(work: Promise<T>): Promise<T> {
      let isOver = false;
      const over = work.finally(() => {
        isOver = true;
      });
      do {
        await expectUnharmed();
        await sleep(10);
      } while (!isOver);
      return await over;
    }
    /** Processes of this host that call themselves so. */
    const bodiesCalled = (name: string): readonly number[] =>
      isGuest ? [] : pidsOfHost().filter((pid) => nameOf(pid) === name);

    it.skip.each(rows.filter(({ why }) => why !== undefined))('$row $title', () => undefined);

    const attacksBy = `A24, A25: raw system calls and sockets find nothing open, more than a hundred of them${skippedFor(withoutChildren)}`;
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
      const lines = body?.['lines'] as readonly string[];
      expect(lines.at(-1), JSON.stringify(body)).toBe('end 0');
      expect(lines.length).toBeGreaterThan(100);
      const open = lines.filter((line) => line.endsWith(' OPEN')).map((line) => line.replace(/ OPEN$/, ''));
      expect(open.filter((attack) => reviewedOpen[isolation][attack] === undefined)).toEqual([]);
      await expectUnharmed();
    });

    it(
      'A4: an error after the answer is in the log of that call, and the next one is served by a fresh instance',
      async () => {
        const source = `import { randomUUID } from 'node:crypto';
let instance;
export function handler(event) {
  instance ??= randomUUID();
  if (event.late) setTimeout(() => { throw new Error('too late'); }, 20);
  return { calm: true, instance };
}`;
        await deploy('late', 'nodejs', { 'index.mjs': source });
        const instance = await calm('late');
        const response = await platform.api('POST', '/api/v1/functions/late/invocations', { late: true });
        expect(await response.json()).toEqual({ calm: true, instance });
        const record = await recordOf(response.headers.get('hearth-invocation-id') ?? '');
        await eventually(() => expectLogged(record, 'Error: too late'));
        expect(record.status).toBe('success');
        expect(await calm('late')).not.toBe(instance);
        await platform.api('DELETE', '/api/v1/functions/late');
      },
      2 * slowStartMs,
    );

    it('A20: nothing that one function left is seen by another', async () => {
      const leave = `import { writeFileSync } from 'node:fs'; export function handler() { writeFileSync('/tmp/left', 's'); globalThis.left = 's'; Object.prototype.left = 's'; process.env.LEFT = 's'; return {}; }`;
      const look = `import { readdirSync } from 'node:fs'; export function handler() { return { tmp: readdirSync('/tmp'), left: globalThis.left ?? ({}).left ?? process.env.LEFT ?? null }; }`;
      await deploy('leaves', 'nodejs', { 'index.mjs': leave });
      await deploy('looks', 'nodejs', { 'index.mjs': look });
      for (let round = 0; round < 20; round++) {
        await call('leaves', {});
        expect(await call('looks', {})).toMatchObject({ status: 200, body: { tmp: [], left: null } });
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
        expect([`${status} ${body?.['code']}`], JSON.stringify(body)).toEqual([whenKilled]);
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

    it('has changed nothing on this host, and the platform is the one that began and no larger', async () => {
      await expectUnharmed();
      expect(residentMb() - beforeMb).toBeLessThan(mostGrowthMb);
      // Again where something of it was removed meanwhile.
      const entries = await eventually(() =>
        readdirSync(platform.dataDirectory, { recursive: true, encoding: 'utf8' }),
      );
      expect(entries.filter((path) => /(^|\/)core(\.\d+)?$/.test(path))).toEqual([]);
      expect(hostState(platform.dataDirectory)).toEqual(before);
      // What talks to a guest listens in the data folder; each container has a process of its daemon that listens, which init inherits.
      const expected = [`unix ${platform.dataDirectory}/`, 'unix /run/containerd/'];
      const opened = () =>
        listenersSince(listening).filter((line) => !expected.some((start) => line.startsWith(start)));
      await eventually(() => expect(opened()).toEqual([]));
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

interface Answer {
  /** Of the invocation. */
  readonly id: string;
  readonly status: number;
  /** What is no object, such as null, is an answer too. */
  readonly body: Readonly<Record<string, unknown>> | null;
}
