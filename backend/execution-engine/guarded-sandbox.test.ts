import { type Duplex, PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../../shared/ids.ts';
import type { ExitReport, Sandbox } from '../core/ports/sandbox.ts';
import { guardSandbox, type SandboxEvent } from './guarded-sandbox.ts';

const never = new AbortController().signal;
const usage = { cpuMs: 1, memoryBytes: 2, peakMemoryBytes: 3, pids: 4 };
const image = { digest: 'd' as never, directory: '/', sizeBytes: 0, fileCount: 0 };

/** A driver's sandbox that records calls; `behave` replaces what a method does. */
function makeInner(behave: Partial<Record<string, () => Promise<unknown>>> = {}) {
  const calls: string[] = [];
  const exit = Promise.withResolvers<ExitReport>();
  const channel: Duplex = new PassThrough();
  const act = async (name: string, result?: unknown): Promise<never> => {
    calls.push(name);
    return ((await behave[name]?.()) ?? result) as never;
  };
  const id = newId('sandbox');
  const inner: Sandbox = {
    id,
    handle: { schema: 1, driver: 'fake', id, data: {} },
    exited: exit.promise,
    connect: () => act('connect', channel),
    specialise: () => act('specialise'),
    output: async function* () {},
    usage: () => act('usage', usage),
    pause: () => act('pause'),
    resume: () => act('resume'),
    destroy: async (reason) => {
      await act('destroy');
      exit.resolve({ code: null, signal: 'SIGKILL', outOfMemory: false, reason });
    },
  };
  const events: SandboxEvent[] = [];
  const guarded = guardSandbox(inner, (event) => events.push(event));
  return { inner, guarded, calls, channel, exit, events, kinds: () => events.map((event) => event.kind) };
}

describe('guardSandbox', () => {
  it('says created, paused, resumed and destroyed exactly once', async () => {
    const { guarded, kinds, calls } = makeInner();
    await guarded.pause();
    await guarded.pause();
    await guarded.resume();
    await guarded.resume();
    await Promise.all([guarded.destroy('one'), guarded.destroy('two')]);
    await guarded.destroy('three');
    expect(kinds()).toEqual(['created', 'paused', 'resumed', 'destroyed']);
    expect(calls).toEqual(['pause', 'resume', 'destroy']);
    expect((await guarded.exited).reason).toBe('one');
  });

  it('fails every call on a dead sandbox with the reason', async () => {
    const { guarded } = makeInner();
    await guarded.destroy('evicted');
    for (const call of [
      () => guarded.connect(never),
      () => guarded.specialise(image, never),
      () => guarded.usage(),
      () => guarded.pause(),
      () => guarded.resume(),
    ]) {
      await expect(call()).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'sandbox_gone',
        message: 'the sandbox is gone: evicted',
      });
    }
  });

  it('names how a sandbox ended that ended by itself', async () => {
    const { guarded, exit, kinds } = makeInner();
    exit.resolve({ code: 7, signal: null, outOfMemory: false, reason: undefined });
    await guarded.exited;
    await expect(guarded.usage()).rejects.toThrow('exited with code 7');
    expect(kinds()).toEqual(['created', 'destroyed']);
  });

  it('runs state changes one after the other', async () => {
    const pausing = Promise.withResolvers<void>();
    const { guarded, calls } = makeInner({ pause: () => pausing.promise });
    const both = Promise.all([guarded.pause(), guarded.resume()]);
    await Promise.resolve();
    await Promise.resolve();
    expect(calls).toEqual(['pause']);
    pausing.resolve();
    await both;
    expect(calls).toEqual(['pause', 'resume']);
  });

  it('destroys without waiting for a state change that hangs, and ends that call', async () => {
    const { guarded, kinds } = makeInner({ pause: () => new Promise(() => undefined) });
    const pausing = expect(guarded.pause()).rejects.toThrow('the sandbox is gone: stuck');
    await guarded.destroy('stuck');
    await pausing;
    expect(kinds()).toEqual(['created', 'destroyed']);
  });

  it.each(['connect', 'specialise', 'usage', 'pause'] as const)('destroys when %s fails', async (method) => {
    const { guarded, calls } = makeInner({ [method]: () => Promise.reject(new Error('broken')) });
    const call = { connect: () => guarded.connect(never), specialise: () => guarded.specialise(image, never) };
    await expect(
      (method === 'connect' || method === 'specialise' ? call[method] : guarded[method].bind(guarded))(),
    ).rejects.toMatchObject({ name: 'PlatformError' });
    expect((await guarded.exited).reason).toBe(`${method} failed: broken`);
    expect(calls).toEqual([method, 'destroy']);
  });

  it('owns the errors of the channel', async () => {
    const { guarded, channel } = makeInner();
    await guarded.connect(never);
    channel.destroy(new Error('ECONNRESET'));
    expect((await guarded.exited).reason).toBe('channel failed: ECONNRESET');
  });

  it('closes a channel that arrives after death', async () => {
    const arrival = Promise.withResolvers<Duplex>();
    const { guarded } = makeInner({ connect: () => arrival.promise });
    const connecting = expect(guarded.connect(never)).rejects.toThrow('too late');
    await guarded.destroy('too late');
    await connecting;
    const late = new PassThrough();
    arrival.resolve(late);
    await new Promise((resolve) => late.once('close', resolve));
    late.emit('error', new Error('must have a listener'));
  });

  it('gives the channel, the output and a specialisation out once', async () => {
    const { guarded } = makeInner();
    await guarded.connect(never);
    await guarded.specialise(image, never);
    guarded.output();
    await expect(guarded.connect(never)).rejects.toMatchObject({ code: 'sandbox_used_twice' });
    await expect(guarded.specialise(image, never)).rejects.toMatchObject({ code: 'sandbox_used_twice' });
    expect(() => guarded.output()).toThrow('only once');
    expect(await guarded.usage()).toEqual(usage);
    await guarded.destroy('over');
  });

  it('reports a removal that fails', async () => {
    const { guarded } = makeInner({ destroy: () => Promise.reject(new Error('EBUSY')) });
    await expect(guarded.destroy('x')).rejects.toMatchObject({ code: 'sandbox_not_destroyed' });
  });

  it('keeps its promises under any order of calls and failures', async () => {
    const step = fc.record({
      call: fc.constantFrom('pause', 'resume', 'usage', 'destroy'),
      fails: fc.boolean(),
      awaited: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        let failing = false;
        const maybeFail = () => (failing ? Promise.reject(new Error('broken')) : Promise.resolve(undefined));
        const { guarded, kinds } = makeInner({ pause: maybeFail, resume: maybeFail, usage: maybeFail });
        for (const { call, fails, awaited } of steps) {
          failing = fails;
          const work = (call === 'destroy' ? guarded.destroy('asked') : guarded[call as 'pause']()).catch(
            () => undefined,
          );
          if (awaited) await work;
        }
        await guarded.destroy('end').catch(() => undefined);
        const seen = kinds();
        expect(seen[0]).toBe('created');
        expect(seen.at(-1)).toBe('destroyed');
        expect(seen.filter((kind) => kind === 'created' || kind === 'destroyed')).toHaveLength(2);
        const changes = seen.slice(1, -1);
        expect(changes).toEqual(changes.map((_, index) => (index % 2 === 0 ? 'paused' : 'resumed')));
      }),
      { numRuns: 300 },
    );
  });
});
