import { describe, expect, it } from 'vitest';
import type { Store } from '../../backend/core/ports/store.ts';
import { newId } from '../../shared/ids.ts';
import { parseLogFilter } from '../../shared/log-filter.ts';
import { describeLogCounts } from './log-count-suite.ts';
import { anyLogLines, invocationRecord, logLine } from './store-records.ts';

const everything = { ...anyLogLines, fromEnd: false };

/** The part of the store suite about the filter language of logs, and about counts by it. */
export function describeLogFilter(current: () => Store): void {
  describeLogCounts(current);
  describe('the filter of logs', () => {
    const found = async (filter: string) => {
      const parsed = parseLogFilter(filter);
      if (!parsed.isValid) throw new Error(parsed.message);
      const { lines } = await current().logs.query({
        ...everything,
        terms: parsed.terms,
      });
      return lines.map((line) => line.seq);
    };

    it('finds what each term says, and what all of them say', async () => {
      const { logs } = current();
      await logs.append([
        logLine(1, { level: 'debug', text: 'Payment of 100 % started' }),
        logLine(2, { level: 'warn', text: 'payment is slow', version: 7 }),
        logLine(3, { level: 'error', text: 'payment FAILED, retry', stream: 'stderr', version: 7 }),
        logLine(4, { level: 'error', text: 'no space_left' }),
      ]);
      expect(await found('')).toEqual([1, 2, 3, 4]);
      expect(await found('level:warn')).toEqual([2, 3, 4]);
      expect(await found('PAYMENT failed')).toEqual([3]);
      expect(await found('payment -retry')).toEqual([1, 2]);
      expect(await found('"100 %"')).toEqual([1]);
      expect(await found('e_l')).toEqual([4]);
      expect(await found('version:7 stream:stderr')).toEqual([3]);
      expect(await found('level:error -payment -"no space"')).toEqual([]);
    });

    it('looks at so many lines and says where to go on, in both directions, until there are no more', async () => {
      const { logs } = current();
      const functionId = newId('function');
      const lines = Array.from({ length: 25 }, (_, i) =>
        logLine(i + 1, { at: 100 + i, text: i % 12 === 0 ? 'needle' : 'hay', ...(i % 2 === 0 && { functionId }) }),
      );
      await logs.append(lines);
      const base = { ...everything, search: 'needle', limit: 2, maxLookedAt: 10 };
      const walk = async (filter: object, fromEnd: boolean) => {
        const pages: (readonly number[])[] = [];
        let goOn: object = {};
        for (;;) {
          const page = await logs.query({ ...base, ...filter, ...goOn, fromEnd });
          pages.push(page.lines.map((line) => line.seq));
          if (page.stoppedAt === undefined) return pages;
          goOn = fromEnd ? { beforeSeq: page.stoppedAt } : { afterSeq: page.stoppedAt };
        }
      };
      expect(await walk({}, true)).toEqual([[25], [13], [1]]);
      expect(await walk({}, false)).toEqual([[1], [13], [25]]);
      expect(await walk({ search: 'nowhere' }, true)).toEqual([[], [], []]);
      expect(await walk({ functionId }, true)).toEqual([[13, 25]]);
      expect(await walk({ since: 110 }, false)).toEqual([[13], [25]]);
      expect(await walk({ until: 110 }, true)).toEqual([[], [1]]);
      // Enough was found: that there is more is the caller's to see.
      expect((await logs.query({ ...base, search: 'hay' })).stoppedAt).toBeUndefined();
      expect((await walk({ maxLookedAt: 25 }, true)).length).toBe(1);
    });

    it('finds the lines of calls by the status that they ended with', async () => {
      const { logs, invocations } = current();
      const [good, bad] = [newId('invocation'), newId('invocation')];
      await invocations.record([
        { record: invocationRecord({ id: good, httpStatus: 200 }), payload: undefined },
        { record: invocationRecord({ id: bad, httpStatus: 503 }), payload: undefined },
      ]);
      await logs.append([
        logLine(1, { invocationId: good }),
        logLine(2, { invocationId: bad }),
        logLine(3, { invocationId: undefined }),
      ]);
      expect(await found('status:>=500')).toEqual([2]);
      expect(await found('status:2xx')).toEqual([1]);
      expect(await found('status:404')).toEqual([]);
      expect(await found(`inv:${bad}`)).toEqual([2]);
    });
  });
}
