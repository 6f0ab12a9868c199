import { describe, expect, it } from 'vitest';
import type { DriverDocument } from '../../shared/api/system.ts';
import { unenforcedLimits } from './enforced-limits.ts';

const driver = (over: Partial<DriverDocument>): DriverDocument => ({
  ...{ name: 'process', isDefault: true, status: 'healthy', isolation: 'process', version: null, tier: null },
  ...{ enforces: ['memory', 'cpu', 'pids', 'tmp', 'network'], reason: null, fix: null, notes: [], measured: null },
  ...over,
});
const drivers = [
  driver({ enforces: ['memory', 'network', 'cpu', 'pids'] }),
  driver({ name: 'nanos', enforces: [], isDefault: false }),
];

describe('unenforcedLimits', () => {
  it('names what the level, or the default, does not enforce', () => {
    expect(unenforcedLimits('', drivers)).toEqual({ tmp: 'Isolation process does not enforce this here' });
    expect(Object.keys(unenforcedLimits('nanos', drivers))).toEqual(['memory', 'cpu', 'pids', 'tmp', 'network']);
  });

  it('says nothing of levels that are not there, or not known yet', () => {
    expect(unenforcedLimits('docker', drivers)).toEqual({});
    expect(unenforcedLimits('', [driver({ status: 'unhealthy', enforces: [] })])).toEqual({});
    expect(unenforcedLimits('', [])).toEqual({});
  });
});
