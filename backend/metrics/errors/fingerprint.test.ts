import { describe, expect, it } from 'vitest';
import type { FunctionId } from '../../../shared/ids.ts';
import { errorGroupIdPattern } from '../../core/ports/error-groups.ts';
import { errorGroupId, shapeOfMessage, topFrame } from './fingerprint.ts';

const fn = 'fn_a' as FunctionId;

describe('shapeOfMessage', () => {
  it.each([
    ['order 1042 is 3.5 km away', 'order # is #.# km away'],
    ['no user 6e2f0d5a-0a4f-4b1c-9a53-0c1f2b3a4d5e', 'no user #'],
    ['inv_01m8a84q2r0eh5ge3yd96s365q failed', '# failed'],
    ['at 0x7ffe12ab90', 'at #'],
    ['first line\nsecond line', 'first line'],
    ["Cannot read properties of undefined (reading 'name')", "Cannot read properties of undefined (reading 'name')"],
    ['', ''],
  ])('%j becomes %j', (message, shape) => {
    expect(shapeOfMessage(message)).toBe(shape);
  });
});

describe('topFrame', () => {
  it('is the first frame of V8 that is in a file of the function', () => {
    const stack = [
      'TypeError: x',
      '    at JSON.parse (<anonymous>)',
      '    at node:internal/process/task_queues:105:5',
      '    at pick (node_modules/pick/index.js:3:1)',
      '    at async deep (src/index.ts:4:9)',
      '    at handler (src/index.ts:8:3)',
    ].join('\n');
    expect(topFrame(stack)).toBe('deep (src/index.ts)');
  });

  it('knows frames without a name', () => {
    expect(topFrame('RangeError: x\n    at index.mjs:11:34')).toBe('anonymous (index.mjs)');
  });

  it('is the last call of a traceback of Python', () => {
    const stack = [
      'Traceback (most recent call last):',
      '  File "main.py", line 12, in handler',
      '    return parse(event)',
      '  File "lib.py", line 3, in parse',
      '    return json.loads(event)',
      '  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads',
      'ValueError: no JSON',
    ].join('\n');
    expect(topFrame(stack)).toBe('parse (lib.py)');
  });

  it('is empty without a stack', () => {
    expect(topFrame('')).toBe('');
    expect(topFrame('timeout after 30 s')).toBe('');
  });

  it('is quick with lines made to be slow', () => {
    expect(topFrame(`    at ${'('.repeat(50_000)}`)).toBe('');
    expect(topFrame(`    at ${'a ('.repeat(20_000)}x:1:1`).length).toBeLessThanOrEqual(200);
  });
});

describe('errorGroupId', () => {
  it('is one for calls that differ in numbers, and another for every other part', () => {
    const id = errorGroupId(fn, 'Error', 'order 1', 'handler (a)');
    expect(id).toMatch(errorGroupIdPattern);
    expect(errorGroupId(fn, 'Error', 'order 2', 'handler (a)')).toBe(id);
    expect(errorGroupId('fn_b' as FunctionId, 'Error', 'order 1', 'handler (a)')).not.toBe(id);
    expect(errorGroupId(fn, 'RangeError', 'order 1', 'handler (a)')).not.toBe(id);
    expect(errorGroupId(fn, 'Error', 'parcel 1', 'handler (a)')).not.toBe(id);
    expect(errorGroupId(fn, 'Error', 'order 1', 'handler (b)')).not.toBe(id);
  });
});
