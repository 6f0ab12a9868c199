import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type DriverDocument, driverDocumentSchema } from '../../shared/api/system.ts';
import { costFigures, documentedCosts } from './level-costs.ts';

const driver = (name: DriverDocument['name'], measured: DriverDocument['measured'] = null): DriverDocument =>
  driverDocumentSchema.parse({
    ...{ name, isDefault: false, status: 'healthy', isolation: 'process', version: '1', tier: null },
    ...{ enforces: [], reason: null, fix: null, notes: [], measured },
  });
const nothing = {
  booted: null,
  waiting: null,
  quickestWarmMs: null,
  warmCalls: 0,
  idleInstances: 0,
  idleMemoryBytes: null,
};

describe('what an isolation level costs', () => {
  it('is what this machine has seen, and says how often', () => {
    const process = driver('process', { ...nothing, quickestWarmMs: 0.5, warmCalls: 9 });
    const qemu = driver('qemu', {
      booted: { count: 1, p50Ms: 2500, p95Ms: 2600 },
      waiting: { count: 3, p50Ms: 210, p95Ms: 300 },
      ...{ quickestWarmMs: 2, warmCalls: 5, idleInstances: 2, idleMemoryBytes: 52 * 2 ** 20 },
    });
    expect(costFigures(qemu, process)).toEqual([
      { label: 'Cold start', value: '2.5 s', seen: '1 call' },
      { label: 'From a waiting sandbox', value: '210 ms', seen: '3 calls' },
      { label: 'Warm call, against process', value: '4.0 × (2 ms)', seen: 'the quickest of 5 calls' },
      { label: 'Memory of an idle instance', value: '52 MiB', seen: '2 idle now' },
    ]);
  });

  it('is what the documents say where this machine has seen nothing', () => {
    const figures = costFigures(driver('docker', { ...nothing, quickestWarmMs: 1, warmCalls: 1 }), driver('process'));
    expect(figures.map(({ value, seen }) => [value, seen])).toEqual([
      ['213 ms', undefined],
      ['10.3 ms', undefined],
      ['1.07 ×', undefined],
      ['–', undefined],
    ]);
    expect(costFigures(driver('firecracker'), undefined).every(({ value }) => value === '–')).toBe(true);
  });

  it('is in the documents as it is here', () => {
    const documents = {
      process: 'performance.md',
      docker: 'drivers/docker.md',
      qemu: 'drivers/qemu.md',
      nanos: 'drivers/nanos.md',
    };
    for (const [name, file] of Object.entries(documents)) {
      const text = readFileSync(join(import.meta.dirname, '../../docs', file), 'utf8');
      const found = documentedCosts[name as keyof typeof documents];
      const figures = [found?.booted, found?.waiting, found?.warm, found?.idle].filter(
        (value) => value !== '–' && value !== '1 ×',
      );
      for (const value of figures) expect(text, `${name}: ${value}`).toContain(value?.split(' ')[0] ?? 'nothing');
    }
  });
});
