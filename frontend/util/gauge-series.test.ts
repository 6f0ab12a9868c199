import { describe, expect, it } from 'vitest';
import { type GaugeName, type GaugeSeries, gaugeNames, type LiveTick } from '../../shared/api/metrics.ts';
import { gaugeGrid } from './gauge-series.ts';

const start = Date.parse('2026-11-24T12:00:00.000Z');
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();

function point(seconds: number, samples: number, cpu: number, hidden: readonly GaugeName[] = []) {
  const gauges = gaugeNames.map((name) => [name, hidden.includes(name) ? null : { mean: cpu, max: cpu * 2 }]);
  return { at: at(seconds), samples, gauges: Object.fromEntries(gauges) } as GaugeSeries['points'][number];
}

function tick(seconds: number, cpuPercent: number): LiveTick {
  return {
    at: at(seconds),
    stepMs: 1000,
    total: null,
    functions: {},
    gauges: {
      at: at(seconds),
      instances: { starting: 0, idle: 1, busy: 2, paused: 0, draining: 0, preWarmed: 0 },
      inFlight: 3,
      queued: 0,
      asyncDepth: 5,
      asyncOldestMs: 0,
      host: {
        cpuPercent,
        cpus: 2,
        memoryUsedBytes: 1,
        memoryTotalBytes: 2,
        platformRssBytes: 1,
        sandboxMemoryBytes: 1,
        diskFreeBytes: 40,
        diskTotalBytes: 100,
        loopLagMs: 0,
      },
    },
  };
}
const series = (points: GaugeSeries['points'], stepMs = 10_000): GaugeSeries => ({
  from: at(0),
  to: at(40),
  stepMs,
  points,
});

describe('gaugeGrid', () => {
  it('shows gaps as gaps, and means and peaks apart', () => {
    const grid = gaugeGrid(series([point(0, 10, 4), point(20, 10, 6)]), []);
    expect(grid.x).toEqual([0, 10, 20, 30].map((seconds) => start / 1000 + seconds));
    expect(grid.column('cpuPercent')).toEqual([4, null, 6, null]);
    expect(grid.column('cpuPercent', 'max')).toEqual([8, null, 12, null]);
  });

  it('goes on with what was heard since, and moves with it', () => {
    const ticks = [tick(19, 90), tick(30, 10), tick(31, 30), tick(45, 7)];
    const grid = gaugeGrid(series([point(20, 10, 6), point(30, 1, 99)]), ticks);
    expect(grid.x).toEqual([10, 20, 30, 40].map((seconds) => start / 1000 + seconds));
    // Two seconds were heard of a step of which the platform had told one; what is older than its newest step is not touched.
    expect(grid.column('cpuPercent')).toEqual([null, 6, 20, 7]);
    expect(grid.column('cpuPercent', 'max')).toEqual([null, 12, 30, 7]);
    expect(grid.column('diskUsedBytes').at(-1)).toBe(60);
  });

  it('leaves a step of which the platform saw more', () => {
    expect(
      gaugeGrid(series([point(30, 9, 50)]), [tick(33, 1)])
        .column('cpuPercent')
        .at(-1),
    ).toBe(50);
  });

  it('does not tell of now what is hidden of the past', () => {
    const grid = gaugeGrid(series([point(30, 1, 50, ['inFlight'])]), [tick(36, 1), tick(41, 1)]);
    expect(grid.column('inFlight')).toEqual([null, null, null, null]);
    expect(grid.column('cpuPercent').at(-1)).toBe(1);
  });

  it('begins with what is heard where there is no past', () => {
    expect(gaugeGrid(series([]), [tick(38, 1)]).column('cpuPercent')).toEqual([null, null, null, 1]);
  });

  it('tells the same whatever it remembers of the second before', () => {
    const ticks = [31, 32, 41, 42].map((second) => tick(second, second));
    const histories = [series([point(30, 0, 1)]), series([point(30, 0, 1, ['cpuPercent'])])];
    for (const heard of [ticks.slice(0, 3), ticks, ticks.slice(1)])
      for (const history of histories) {
        const columns = (known: readonly LiveTick[]) => {
          const grid = gaugeGrid(history, known);
          return [grid.column('cpuPercent'), grid.column('inFlight', 'max')];
        };
        expect(columns(heard)).toEqual(columns(structuredClone(heard)));
      }
  });
});
