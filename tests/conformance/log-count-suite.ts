import { describe, expect, it } from 'vitest';
import type { LogCountFilter, StoredLogLine } from '../../backend/core/ports/log-store.ts';
import type { Store } from '../../backend/core/ports/store.ts';
import { minuteMs, secondMs } from '../../shared/durations.ts';
import { newId } from '../../shared/ids.ts';
import { parseLogFilter } from '../../shared/log-filter.ts';
import { anyLogLines, invocationRecord, logLine } from './store-records.ts';

const start = Date.UTC(2030, 0, 1, 12);
const range = { ...anyLogLines, project: 'default', since: start, until: start + 60 * minuteMs - 1, maxSteps: 80 };

function terms(filter: string): Pick<LogCountFilter, 'terms'> {
  const parsed = parseLogFilter(filter);
  if (!parsed.isValid) throw new Error(parsed.message);
  return { terms: parsed.terms };
}

/** The part of the store suite about how many lines there are over time. */
export function describeLogCounts(current: () => Store): void {
  describe('counts of lines', () => {
    /** `12:03 error 2`: what was counted, a text for each step and level. */
    async function counted(filter: Partial<LogCountFilter> = {}): Promise<readonly string[]> {
      const { counts } = await current().logs.count({ ...range, ...filter });
      return counts
        .map(({ at, level, count }) => `${new Date(at).toISOString().slice(11, 19)} ${level} ${count}`)
        .toSorted();
    }

    it('say by minute and level what the lines say, whoever is asked for', async () => {
      const { logs } = current();
      const functionId = newId('function');
      const lines = (
        [
          [0, {}],
          [10 * secondMs, { level: 'error', functionId }],
          [59_999, { level: 'error', functionId, version: 2, stream: 'stderr' }],
          [minuteMs, { functionId }],
          [30 * minuteMs, { level: 'warn' }],
          [30 * minuteMs, { level: 'warn', functionName: 'acme/api', functionId }],
          [60 * minuteMs, {}],
          [-1, {}],
        ] satisfies [number, Partial<StoredLogLine>][]
      ).map(([after, facts], index) => logLine(index + 1, { at: start + after, level: 'info', ...facts }));
      await logs.append(lines.slice(0, 3));
      await logs.append(lines.slice(3));
      const seconds = { until: start + 2 * minuteMs - 1, maxSteps: 12 };
      expect(await counted()).toEqual(['12:00:00 error 2', '12:00:00 info 1', '12:01:00 info 1', '12:30:00 warn 1']);
      expect(await counted({ project: 'acme' })).toEqual(['12:30:00 warn 1']);
      expect(await counted({ project: undefined })).toContain('12:30:00 warn 2');
      expect(await counted({ functionId })).toEqual(['12:00:00 error 2', '12:01:00 info 1', '12:30:00 warn 1']);
      expect(await counted({ functionId, ...terms('version:2') })).toEqual(['12:00:00 error 1']);
      expect(await counted(terms('version:2'))).toEqual(['12:00:00 error 1']);
      expect(await counted(terms('level:warn'))).toEqual(['12:00:00 error 2', '12:30:00 warn 1']);
      expect(await counted({ levels: ['info'] })).toEqual(['12:00:00 info 1', '12:01:00 info 1']);
      expect(await counted({ levels: [] })).toEqual([]);
      expect(await counted(terms('stream:stderr'))).toEqual(['12:00:00 error 1']);
      expect(await counted(seconds)).toEqual([
        '12:00:00 info 1',
        '12:00:10 error 1',
        '12:00:50 error 1',
        '12:01:00 info 1',
      ]);
      expect(await counted({ maxSteps: 1 })).toEqual(['12:00:00 error 2', '12:00:00 info 2', '12:00:00 warn 1']);
      expect(await logs.count({ ...range, since: start + 1, maxSteps: 4 })).toMatchObject({
        ...{ from: start, to: start + 60 * minuteMs, stepMs: 15 * minuteMs },
        ...{ countedFrom: undefined, lastSeq: 8 },
      });
    });

    it('look at the lines where the filter asks for more, and say from when on they did', async () => {
      const { logs, invocations } = current();
      const invocationId = newId('invocation');
      await invocations.record([
        { record: invocationRecord({ id: invocationId, httpStatus: 503 }), payload: undefined },
      ]);
      const lines = Array.from({ length: 30 }, (_, index) =>
        logLine(index + 1, {
          at: start + index * minuteMs,
          level: 'info',
          text: index % 2 === 0 ? 'even' : 'odd',
          ...(index === 4 ? { invocationId } : { invocationId: undefined }),
        }),
      );
      await logs.append(lines);
      const few = { maxLookedAt: 10, maxSteps: 4 };
      const text = terms('even');
      expect(await counted({ maxSteps: 4, ...text })).toEqual(['12:00:00 info 8', '12:15:00 info 7']);
      expect(await counted({ maxSteps: 4, search: 'ODD' })).toEqual(['12:00:00 info 7', '12:15:00 info 8']);
      expect(await counted({ ...few, ...text })).toEqual(['12:15:00 info 5']);
      expect((await logs.count({ ...range, ...few, ...text })).countedFrom).toBe(start + 19 * minuteMs);
      expect(await counted(terms('status:5xx'))).toEqual(['12:04:00 info 1']);
      expect(await counted({ ...few, ...terms(`inv:${invocationId}`) })).toEqual(['12:00:00 info 1']);
      expect((await logs.count({ ...range, ...few, invocationId })).countedFrom).toBeUndefined();
      // Of minutes too only so many are looked at.
      expect(await counted({ maxLookedAt: 10, maxSteps: 4 })).toEqual(['12:15:00 info 10']);
      expect((await logs.count({ ...range, maxLookedAt: 10 })).countedFrom).toBe(start + 20 * minuteMs);
    });

    it('are per minute where there are too many lines for anything shorter', async () => {
      const { logs } = current();
      const lines = Array.from({ length: 30 }, (_, index) => logLine(index + 1, { at: start + index * secondMs }));
      await logs.append(lines);
      const minute = { ...range, until: start + minuteMs - 1 };
      const steps = async (maxLookedAt: number) => {
        const { stepMs, counts, countedFrom } = await logs.count({ ...minute, maxLookedAt });
        return [stepMs, counts.length, counts.reduce((sum, { count }) => sum + count, 0), countedFrom];
      };
      expect(await steps(30)).toEqual([secondMs, 30, 30, undefined]);
      expect(await steps(29)).toEqual([minuteMs, 1, 30, undefined]);
    });

    it('go with the lines', async () => {
      const { logs } = current();
      const lines = [0, 20, 40].map((minutes, index) => logLine(index + 1, { at: start + minutes * minuteMs + 1 }));
      await logs.append(lines);
      await expect(logs.append([logLine(9, { at: start }), logLine(1, { at: start })])).rejects.toThrow();
      expect(await counted()).toHaveLength(3);
      expect(await logs.prune(start + 20 * minuteMs + 1)).toBe(1);
      expect(await counted()).toHaveLength(2);
      expect(await logs.prune(start + 60 * minuteMs)).toBe(2);
      expect(await counted()).toEqual([]);
    });
  });
}
