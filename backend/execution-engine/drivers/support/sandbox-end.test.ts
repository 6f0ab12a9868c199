import { beforeEach, describe, expect, it } from 'vitest';
import type { ExitReport } from '../../../core/ports/sandbox.ts';
import { Holdings } from './holdings.ts';
import { type EndSteps, SandboxEnd } from './sandbox-end.ts';

const reported: ExitReport = { code: 3, signal: null, outOfMemory: false, reason: undefined };

let steps: string[];
let left: (readonly string[])[];
let process: PromiseWithResolvers<string>;
beforeEach(() => {
  [steps, left, process] = [[], [], Promise.withResolvers()];
});

function makeEnd(changed: Partial<EndSteps<string>> = {}): SandboxEnd<string> {
  const holdings = new Holdings();
  holdings.hold('slot', () => steps.push('slot'), 'nothing runs');
  holdings.hold('control group', () => steps.push('control group'));
  return new SandboxEnd({
    ended: process.promise,
    kill: () => {
      steps.push('kill');
      process.resolve('killed');
    },
    reap: () => steps.push('reap'),
    report: async (how) => {
      steps.push(`report ${how}`);
      return reported;
    },
    holdings,
    onGone: (failures) => {
      steps.push('gone');
      left.push(failures);
    },
    ...changed,
  });
}

const afterEnd = ['reap', 'report killed', 'control group', 'slot', 'gone'];
const fail = (): never => {
  throw new Error('no');
};

describe('the end of a sandbox', () => {
  it('is the same, step by step, whether it is asked for or comes by itself', async () => {
    const asked = makeEnd();
    await asked.destroy('removed');
    expect(steps).toEqual(['kill', ...afterEnd]);
    [steps, process] = [[], Promise.withResolvers()];
    const byItself = makeEnd();
    process.resolve('killed');
    expect(await byItself.exited).toBe(reported);
    expect(steps).toEqual(afterEnd);
    expect(left).toEqual([[], []]);
  });

  it('is shared by all who destroy it, now and later', async () => {
    const end = makeEnd();
    await Promise.all([end.destroy('first'), end.destroy('second'), end.destroy('third')]);
    await end.destroy('late');
    expect(steps.filter((step) => step !== 'kill')).toEqual(afterEnd);
    expect(end.reason).toBe('first');
  });

  it('is not over before all is given back', async () => {
    const slow = Promise.withResolvers<void>();
    const holdings = new Holdings();
    holdings.hold('network', () => slow.promise);
    let isOver = false;
    const over = makeEnd({ holdings })
      .destroy('removed')
      .then(() => {
        isOver = true;
      });
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    expect([isOver, left]).toEqual([false, []]);
    slow.resolve();
    await over;
    expect(left).toEqual([[]]);
  });

  it('takes no reason from who comes after the process has ended', async () => {
    const slow = Promise.withResolvers<void>();
    const end = makeEnd({ reap: () => slow.promise });
    process.resolve('by itself');
    await process.promise;
    await Promise.resolve();
    expect(end.hasEnded).toBe(true);
    const late = end.destroy('the channel broke');
    slow.resolve();
    await late;
    expect(end.reason).toBeUndefined();
  });

  it('keeps the reason that is known first', async () => {
    const end = makeEnd();
    end.explain('its agent has ended');
    end.explain('its container was removed');
    await end.destroy('removed');
    expect(end.reason).toBe('its agent has ended');
  });
});

describe('a step of the end that fails', () => {
  it('keeps what a process that lives still uses, and goes on', async () => {
    await makeEnd({ reap: fail }).destroy('removed');
    expect(steps).toEqual(['kill', 'report killed', 'control group', 'gone']);
    expect(left).toEqual([['processes: no']]);
  });

  it('still has it end where nothing can be reported', async () => {
    const end = makeEnd({ report: fail });
    await end.destroy('removed');
    expect(await end.exited).toEqual({ code: null, signal: null, outOfMemory: false, reason: 'removed' });
    expect(steps).toEqual(['kill', 'reap', 'control group', 'slot', 'gone']);
    expect(left).toEqual([['report: no']]);
  });

  it('says itself why, where nobody has said so', async () => {
    const end = makeEnd();
    process.reject(new Error('watching it failed'));
    const message = 'processes: watching it failed; report: watching it failed';
    expect(await end.exited).toMatchObject({ code: null, signal: null, reason: message });
    expect(steps).toEqual(['control group', 'gone']);
  });

  it('rejects where it cannot even be killed', async () => {
    await expect(makeEnd({ kill: fail }).destroy('removed')).rejects.toThrow('no');
    expect(steps).toEqual([]);
  });
});
