import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import type {
  DriverHealth,
  IsolationDriver,
  SandboxLimits,
  SandboxSpec,
} from '../../backend/core/ports/isolation-driver.ts';
import type { RuntimePlan } from '../../backend/core/ports/runtime-adapter.ts';
import type { ExitReport, OutputLine, Sandbox } from '../../backend/core/ports/sandbox.ts';
import { guardSandbox } from '../../backend/execution-engine/guarded-sandbox.ts';
import type { LimitName } from '../../shared/api/system.ts';
import { newId } from '../../shared/ids.ts';
import { bodyPlan } from '../support/body-plan.ts';
import { hostState } from '../support/host-state.ts';
import { StartsAhead } from '../support/starts-ahead.ts';
import { BodyClient, makeImage } from './driver-body.ts';

const suiteLimits: SandboxLimits = { memoryMb: 160, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' };
const never = new AbortController().signal;

const plan = bodyPlan('--max-old-space-size=96');

export interface SuiteOptions {
  /** Makes a driver whose state is below `directory`. */
  readonly makeDriver: (directory: string) => IsolationDriver;
  /** Sandboxes have processes: exit codes of the kernel, files and floods can be tried. */
  readonly hasProcesses: boolean;
  /** Why a program cannot start others, where it cannot: those tests are skipped. */
  readonly withoutChildren?: string;
  /** stdout and stderr arrive as one stream, by a slow console. */
  readonly hasOneConsole?: boolean;
  /** CPU time inside is the wall clock's: what the sandbox used is asked from outside. */
  readonly tellsCpuOutside?: boolean;
  /** What a program sees that calls an address which it must not reach. */
  readonly refusal?: RegExp;
  /** Why limits that only the kernel of a guest can enforce are not tried here. */
  readonly withoutKernel?: string;
  /** A start takes so long that the next one is begun while a test runs. */
  readonly startsAhead?: boolean;
  /** What is left on the host of all sandboxes; must be empty after each test, but for the start that is ahead. */
  readonly leftovers?: (driver: IsolationDriver) => readonly string[];
}

/** What the program says of itself. */
interface Facts {
  readonly env: Readonly<Record<string, string>>;
  readonly fds: readonly (readonly [number, string])[];
}

/** One suite for every driver: what a driver claims is tried, with hostile programs where it is a limit. */
export function describeDriver(name: string, options: SuiteOptions): void {
  describe(`driver ${name}`, () => {
    let directory: string;
    let driver: IsolationDriver;
    let health: DriverHealth;
    const sandboxes: Sandbox[] = [];
    let before: readonly string[];

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'hearth-driver-'));
      // Passable for sandboxes, or a driver would put its state elsewhere, out of sight of the checks below.
      chmodSync(directory, 0o711);
      before = hostState(directory);
      driver = options.makeDriver(directory);
      health = await driver.probe(never);
      if (health.status !== 'healthy')
        process.stderr.write(`driver ${name} skipped: ${health.reason} (${health.fix})\n`);
    }, 240_000);
    afterEach(async () => {
      await Promise.all(sandboxes.splice(0).map((sandbox) => sandbox.destroy('test over')));
      expect((options.leftovers?.(driver) ?? []).slice(ahead.count)).toEqual([]);
    });
    afterAll(async () => {
      await ahead.end();
      expect(options.leftovers?.(driver) ?? []).toEqual([]);
      await driver.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const requireHealthy = (context: TestContext): void => {
      if (health.status !== 'healthy') context.skip(health.reason);
    };
    const requireProcesses = (context: TestContext): void => {
      requireHealthy(context);
      context.skip(!options.hasProcesses, 'its sandboxes have no processes');
    };
    const requireChildren = (context: TestContext): void => {
      requireProcesses(context);
      context.skip(options.withoutChildren !== undefined, options.withoutChildren);
    };
    const requireLimit = (context: TestContext, limit: LimitName): void => {
      requireProcesses(context);
      context.skip(health.status === 'healthy' && !health.enforces.has(limit), `${limit} is not enforced here`);
      const needsKernel = limit === 'memory' || limit === 'pids' || limit === 'cpu';
      context.skip(options.withoutKernel !== undefined && needsKernel, options.withoutKernel);
    };
    const specOf = (change: Partial<SandboxSpec> = {}): SandboxSpec => ({
      id: newId('sandbox'),
      plan,
      limits: suiteLimits,
      image: undefined,
      ...change,
    });
    const startOne = async (change: Partial<SandboxSpec>, keep: (sandbox: Sandbox) => void) => {
      const sandbox = guardSandbox(await driver.create(specOf(change), never), () => undefined);
      keep(sandbox);
      const body = new BodyClient(await sandbox.connect(never));
      await body.ready();
      return { sandbox, body };
    };
    const ahead = new StartsAhead(async (keep) => await startOne({}, keep));
    const start = async (change?: Partial<SandboxSpec>) => {
      const keep = (sandbox: Sandbox) => void sandboxes.push(sandbox);
      if (change !== undefined || options.startsAhead !== true) return await startOne(change ?? {}, keep);
      const started = await ahead.take();
      keep(started.sandbox);
      return started;
    };

    it('echoes both ways, a mebibyte at once', async (context) => {
      requireHealthy(context);
      const { body } = await start();
      await body.command('raw-echo');
      const bytes = Buffer.alloc(1024 * 1024, 'hearth');
      expect((await body.echo(bytes)).equals(bytes)).toBe(true);
    });

    it('gives the program its input, its output and its channel, and no other descriptor', async (context) => {
      requireProcesses(context);
      context.skip(health.status === 'healthy' && health.enforces.size === 0, 'nothing is kept from it');
      const { body } = await start();
      const { env, fds } = (await body.command('facts')) as Facts;
      const channel = Number(/^fd:(\d+)$/.exec(env['HEARTH_CHANNEL'] ?? '')?.[1] ?? -1);
      const links = fds.map(([, link]) => link);
      // Both ends of a pipe: Node.js has some for itself.
      const isOwnPipe = (link: string) =>
        link.startsWith('pipe:') && links.filter((other) => other === link).length > 1;
      const strange = fds.filter(([fd, link]) => fd > 2 && fd !== channel && !isOwnPipe(link));
      expect(strange).toEqual([]);
    });

    it('tells an exit code', async (context) => {
      requireHealthy(context);
      const { sandbox, body } = await start();
      body.command('exit', { code: 7 }).catch(() => undefined);
      expect(await sandbox.exited).toEqual<ExitReport>({
        code: 7,
        signal: null,
        outOfMemory: false,
        reason: undefined,
      });
    });

    it('tells the signal of a body that kills itself', async (context) => {
      requireHealthy(context);
      const { sandbox, body } = await start();
      body.command('kill', { pid: 'self', signal: 'SIGKILL' }).catch(() => undefined);
      expect(await sandbox.exited).toMatchObject({ signal: 'SIGKILL', outOfMemory: false, reason: undefined });
    });

    it('keeps the reason it was destroyed for, once', async (context) => {
      requireHealthy(context);
      const { sandbox } = await start();
      await Promise.all([sandbox.destroy('first'), sandbox.destroy('second')]);
      expect((await sandbox.exited).reason).toBe('first');
    });

    it('ends the channel when the sandbox dies', async (context) => {
      requireHealthy(context);
      const { sandbox, body } = await start();
      const ended = new Promise((resolve) => body.channel.once('close', resolve));
      await sandbox.destroy('over');
      await ended;
    });

    it('gives lines of both streams', async (context) => {
      requireHealthy(context);
      const { sandbox, body } = await start();
      await body.command('print', { stream: 'stdout', text: 'one\n' });
      await body.command('print', { stream: 'stderr', text: 'two\n' });
      const lines = await take(sandbox.output(), 2);
      const second = options.hasOneConsole === true ? 'stdout two' : 'stderr two';
      expect(lines.map((line) => `${line.stream} ${line.text}`).sort()).toEqual([second, 'stdout one'].sort());
      expect(lines.every((line) => !line.truncated && Math.abs(Date.now() - line.atMs) < 60_000)).toBe(true);
    });

    it('makes text of binary output and cuts a huge line', async (context) => {
      requireProcesses(context);
      const { sandbox, body } = await start();
      const binary = Buffer.from([0x61, 0xff, 0xfe, 0x00, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x0a]);
      await body.command('print', { stream: 'stdout', base64: binary.toString('base64') });
      await body.command('print', { stream: 'stdout', text: `${'y'.repeat(200_000)}\nafter\n` });
      const [first, second, third] = await take(sandbox.output(), 3);
      expect(first?.text).toBe('a\ufffd\ufffd\0\u001b[31m');
      expect(second?.text).toHaveLength(16 * 1024);
      expect(second?.truncated).toBe(true);
      expect(third).toMatchObject({ text: 'after', truncated: false });
    });

    it('survives a flood cheaply and says that lines are missing', async (context) => {
      requireProcesses(context);
      const { sandbox, body } = await start();
      const cpuBefore = process.cpuUsage();
      const memoryBefore = process.memoryUsage().rss;
      await body.command('flood', { chunk: 65_536 });
      let kept = 0;
      let truncated = false;
      const reading = (async () => {
        for await (const line of sandbox.output()) {
          kept += line.text.length;
          truncated ||= line.truncated;
        }
      })();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      // A console of a byte at a time is no flood, and loses nothing.
      if (options.hasOneConsole !== true)
        await expect.poll(() => kept, { timeout: 30_000 }).toBeGreaterThan(512 * 1024);
      await sandbox.destroy('flooded enough');
      await reading;
      const cpu = process.cpuUsage(cpuBefore);
      expect(kept).toBeLessThan(4 * 1024 * 1024);
      if (options.hasOneConsole !== true) expect(truncated).toBe(true);
      expect((cpu.user + cpu.system) / 1000).toBeLessThan(700);
      expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(96 * 1024 * 1024);
    });

    it('brings code in before and after the start, read-only', async (context) => {
      requireProcesses(context);
      context.skip(driver.capabilities.isolation === 'none', 'it has no /app');
      const image = makeImage(directory, { 'index.js': 'exports.a = 1', 'lib/deep/x.txt': 'deep' });
      const early = await start({ image });
      expect(await early.body.command('read', { path: '/app/index.js' })).toBe('exports.a = 1');
      if (!driver.capabilities.specialise) {
        expect(await early.body.command('read', { path: '/app/lib/deep/x.txt' })).toBe('deep');
        await expect(early.body.command('write', { path: '/app/new', text: 'x' })).rejects.toMatchObject({
          code: 'EROFS',
        });
        await expect(early.sandbox.specialise(image, never)).rejects.toMatchObject({ kind: 'conflict' });
        return;
      }
      const late = await start();
      await expect(late.body.command('read', { path: '/app/index.js' })).rejects.toMatchObject({ code: 'ENOENT' });
      await late.sandbox.specialise(image, never);
      expect(await late.body.command('read', { path: '/app/lib/deep/x.txt' })).toBe('deep');
      for (const path of ['/app/index.js', '/app/new']) {
        await expect(late.body.command('write', { path, text: 'x' })).rejects.toMatchObject({ code: 'EROFS' });
      }
      await expect(late.sandbox.specialise(image, never)).rejects.toMatchObject({ kind: 'conflict' });
    });

    it('says what a sandbox uses', async (context) => {
      requireProcesses(context);
      const { sandbox, body } = await start();
      let usage = await sandbox.usage();
      // On a busy machine a loop of 200 ms gets less than that of the processor.
      for (let round = 0; usage.cpuMs <= 100 && round < 50; round++) {
        await body.command('burn', { ms: 200 });
        usage = await sandbox.usage();
      }
      expect(usage.cpuMs).toBeGreaterThan(100);
      expect(usage.memoryBytes).toBeGreaterThan(1024 * 1024);
      expect(usage.peakMemoryBytes).toBeGreaterThanOrEqual(usage.memoryBytes * 0.5);
      expect(usage.pids).toBeGreaterThan(0);
    });

    it('pauses and resumes', async (context) => {
      requireProcesses(context);
      context.skip(!driver.capabilities.pause, 'it cannot pause');
      const { sandbox, body } = await start();
      await sandbox.pause();
      let answered = false;
      const tick = body.command('tick').then((value) => {
        answered = true;
        return value;
      });
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(answered).toBe(false);
      await sandbox.resume();
      expect(await tick).toBeTypeOf('number');
      await sandbox.pause();
      await sandbox.destroy('killed while paused');
      expect((await sandbox.exited).reason).toBe('killed while paused');
    });

    it('dies whole, with children that left their group', async (context) => {
      requireChildren(context);
      const { sandbox, body } = await start();
      expect(await body.command('children', { count: 2 })).toMatchObject({ started: 2 });
      await sandbox.destroy('over');
    });

    it('leaves nothing when the start is aborted', async (context) => {
      requireHealthy(context);
      await expect(driver.create(specOf(), AbortSignal.abort())).rejects.toMatchObject({ name: 'PlatformError' });
      const soon = new AbortController();
      const creating = driver.create(specOf(), soon.signal);
      soon.abort();
      try {
        // Too late to abort is fine; then it is an ordinary sandbox.
        await (await creating).destroy('too late');
      } catch (error) {
        expect(error).toMatchObject({ name: 'PlatformError' });
      }
      const sandbox = guardSandbox(await driver.create(specOf(), never), () => undefined);
      sandboxes.push(sandbox);
      await expect(sandbox.connect(AbortSignal.abort())).rejects.toMatchObject({ name: 'PlatformError' });
      await sandbox.exited;
    });

    it('leaves nothing when the plan cannot run', async (context) => {
      requireProcesses(context);
      const agent = { hostPath: join(directory, 'missing'), guestPath: '/usr/bin/node' };
      const broken: RuntimePlan = { ...plan, argv: ['/usr/bin/node'], agent, toolchain: [] };
      await expect(driver.create(specOf({ plan: broken }), never)).rejects.toMatchObject({ name: 'PlatformError' });
    });

    it('refuses egress that it cannot give', async (context) => {
      requireHealthy(context);
      context.skip(driver.capabilities.egress.has('all'), 'it lets functions out');
      const limits: SandboxLimits = { ...suiteLimits, egress: 'all' };
      await expect(driver.create(specOf({ limits }), never)).rejects.toMatchObject({ code: 'limit_not_enforced' });
    });

    it('removes sandboxes that nobody knows', async (context) => {
      requireHealthy(context);
      const [known, lost] = [await start(), await start()];
      await driver.sweep(new Set([known.sandbox.id, ...(await ahead.ids())]));
      await lost.sandbox.exited;
      expect(await known.body.command('tick')).toBeTypeOf('number');
    });

    it('limits memory, and says that it was memory', async (context) => {
      requireLimit(context, 'memory');
      const { sandbox, body } = await start();
      body.command('memory', { mb: 400 }).catch(() => undefined);
      expect(await sandbox.exited).toMatchObject({ outOfMemory: true });
    });

    it('says that it was memory when the heap of the runtime is full', async (context) => {
      requireProcesses(context);
      const { sandbox, body } = await start({ limits: { ...suiteLimits, memoryMb: 512 } });
      body.command('heap').catch(() => undefined);
      expect(await sandbox.exited).toMatchObject({ outOfMemory: true });
    });

    it('ends a memory bomb that lives on in children', async (context) => {
      requireChildren(context);
      requireLimit(context, 'memory');
      const { sandbox, body } = await start();
      body.command('memory-in-children').catch(() => undefined);
      expect(await sandbox.exited).toMatchObject({ outOfMemory: true });
    });

    it('limits processes', async (context) => {
      requireLimit(context, 'pids');
      const { sandbox, body } = await start({ limits: { ...suiteLimits, memoryMb: 1024 } });
      const result = (await body.command('children', { count: 60 }).catch(() => undefined)) as
        | { started: number; failure: string | null }
        | undefined;
      if (result !== undefined) expect(result.started).toBeLessThan(suiteLimits.maxPids);
      expect((await sandbox.usage().catch(() => ({ pids: 0 }))).pids).toBeLessThanOrEqual(suiteLimits.maxPids + 2);
    });

    it('limits CPU time', async (context) => {
      requireLimit(context, 'cpu');
      const { sandbox, body } = await start({ limits: { ...suiteLimits, cpus: 0.25 } });
      const before = await sandbox.usage();
      const since = performance.now();
      const told = await body.command('burn', { ms: 2000 });
      const wallMs = performance.now() - since;
      const after = await sandbox.usage();
      const used = options.tellsCpuOutside === true ? after.cpuMs - before.cpuMs : told;
      // A tenth more, and what is left of a period of the kernel's at either end. On a busy host it gets less.
      expect(used).toBeLessThan(wallMs * 0.25 * 1.1 + 2 * 25);
    });

    it('limits /tmp, and code goes on', async (context) => {
      requireLimit(context, 'tmp');
      const { body } = await start();
      const result = await body.command('fill', { path: '/tmp/big', mb: 32 });
      expect(result).toMatchObject({ code: 'ENOSPC' });
      expect((result as { written: number }).written).toBeLessThanOrEqual(suiteLimits.tmpMb * 1024 * 1024);
      expect(await body.command('tick')).toBeTypeOf('number');
    });

    it('lets nothing out to the network', async (context) => {
      requireLimit(context, 'network');
      const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
      try {
        await new Promise((resolve) => server.once('listening', resolve));
        const address = server.address();
        const port = typeof address === 'object' ? address?.port : 0;
        const { body } = await start();
        for (const host of ['127.0.0.1', '169.254.169.254', '10.0.0.1']) {
          expect(await body.command('connect', { host, port })).toMatch(
            /^(E(CONNREFUSED|NETUNREACH|CONNRESET)|timeout)$/,
          );
        }
      } finally {
        server.close();
      }
    });

    it('has changed nothing on this host', async (context) => {
      requireHealthy(context);
      await Promise.all([ahead.end(), ...sandboxes.splice(0).map((sandbox) => sandbox.destroy('test over'))]);
      expect(hostState(directory)).toEqual(before);
    });
  });
}

async function take(lines: AsyncIterable<OutputLine>, count: number): Promise<readonly OutputLine[]> {
  const taken: OutputLine[] = [];
  for await (const line of lines) {
    taken.push(line);
    if (taken.length === count) break;
  }
  return taken;
}
