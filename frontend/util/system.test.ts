import { describe, expect, it } from 'vitest';
import { isUnsandboxed, limitName, limitText } from './system.ts';

describe('isUnsandboxed', () => {
  const driver = { name: 'unsandboxed', status: 'healthy' } as never;
  it('warns when code can run without a sandbox', () => {
    expect(isUnsandboxed({ defaultIsolation: 'process', drivers: [] })).toBe(false);
    expect(isUnsandboxed({ defaultIsolation: 'process', drivers: [driver] })).toBe(true);
    expect(isUnsandboxed({ defaultIsolation: 'unsandboxed', drivers: [] })).toBe(true);
  });
});

describe('limits', () => {
  it.each([
    ['maxRequestBytes', 6_291_456, 'Max request', '6 MiB'],
    ['maxLogBytesPerInvocation', 1_048_576, 'Max log per invocation', '1 MiB'],
    ['initTimeoutMs', 10_000, 'Init timeout', '10 s'],
    ['timeoutMs.max', 900_000, 'Timeout, max', '15 min'],
    ['memoryMb', 4096, 'Memory', '4,096 MiB'],
    ['maxInstances', 100, 'Max instances', '100'],
    ['queue', 'durable', 'Queue', 'durable'],
  ])('%s', (name, value, label, text) => {
    expect(limitName(name)).toBe(label);
    expect(limitText(name, value)).toBe(text);
  });
});
