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
});
