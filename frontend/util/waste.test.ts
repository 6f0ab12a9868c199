import { expect, it } from 'vitest';
import type { PoolDocument } from '../../shared/api/system.ts';
import { wasteOf } from './waste.ts';

const pool = (functionName: string, idleMbHours: number, coldStartsAvoided: number, memory: [number, number][] = []) =>
  ({
    functionName,
    keepAlive: { idleMbHours, coldStartsAvoided },
    instances: memory.map(([inFlight, memoryBytes]) => ({ inFlight, memoryBytes })),
  }) as unknown as PoolDocument;

it('adds up the versions of each function, what waited most first', () => {
  const pools = [
    pool('quiet', 0, 0),
    pool('shop', 1, 3, [[2, 10]]),
    pool('shop', 3, 5, [
      [0, 20],
      [0, 5],
    ]),
  ];
  expect(wasteOf(pools)).toEqual([
    { functionName: 'shop', busyBytes: 10, idleBytes: 25, idleMbHours: 4, coldStartsAvoided: 8, avoidedPerMbHour: 2 },
    { functionName: 'quiet', busyBytes: 0, idleBytes: 0, idleMbHours: 0, coldStartsAvoided: 0, avoidedPerMbHour: null },
  ]);
});
