import { describe, expect, it } from 'vitest';
import { outcomeOfExit } from './exit-outcome.ts';

const natural = { code: null, signal: null, outOfMemory: false, reason: undefined };

describe('outcomeOfExit', () => {
  it.each([
    [{ code: 7 }, { kind: 'function-fault', fault: 'exited', message: expect.stringContaining('code 7') }],
    [{ code: 0 }, { kind: 'function-fault', fault: 'exited', message: expect.stringContaining('code 0') }],
    [{ signal: 'SIGSEGV' }, { kind: 'function-fault', fault: 'exited', message: expect.stringContaining('SIGSEGV') }],
    [{}, { kind: 'function-fault', fault: 'exited', message: 'the process ended before it answered' }],
    [
      { signal: 'SIGKILL', reason: 'evicted' },
      { kind: 'platform-fault', fault: 'sandbox-lost', retryable: true },
    ],
    [
      { signal: 'SIGKILL', outOfMemory: true, reason: 'evicted' },
      { kind: 'function-fault', fault: 'out-of-memory', message: expect.stringContaining('used more than 128 MB') },
    ],
  ])('%j', (report, expected) => {
    expect(outcomeOfExit({ ...natural, ...report }, 128)).toMatchObject(expected);
  });

  it.each([
    [{ code: 7 }, 'the process exited with code 7 before it answered'],
    [{ signal: 'SIGABRT' }, 'the process was ended by SIGABRT'],
    [{ signal: 'SIGKILL' }, 'it left'],
    [{}, 'it left'],
  ])('%j after the agent had left and the sandbox was removed for it', (report, message) => {
    const outcome = outcomeOfExit({ ...natural, ...report, reason: 'it left' }, 128, 'it left');
    expect(outcome).toEqual({ kind: 'function-fault', fault: 'exited', message });
  });

  it('is not the fault of a function whose machine ended under it, however late the report of that came', () => {
    const report = { ...natural, signal: 'SIGKILL', reason: 'the microVM ended' };
    expect(outcomeOfExit(report, 128, 'it left')).toMatchObject({ kind: 'platform-fault', fault: 'sandbox-lost' });
  });
});
