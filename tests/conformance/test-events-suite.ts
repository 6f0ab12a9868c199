import { beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../backend/core/ports/store.ts';
import type { TestEventRecord } from '../../backend/core/ports/test-events.ts';
import { type FunctionId, newId } from '../../shared/ids.ts';
import { functionRecord } from './store-records.ts';

const body = Buffer.from('{"n": 12345678901234567890}');

/** The part of the store suite about events that people keep. */
export function describeTestEvents(current: () => Store): void {
  describe('test events', () => {
    let functionId: FunctionId;
    let event: (name: string, owner?: string, over?: Partial<TestEventRecord>) => TestEventRecord;
    beforeEach(async () => {
      const record = functionRecord(`f-${newId('function').slice(-8)}`);
      functionId = record.id;
      event = (name, owner, over) => ({
        ...{
          functionId,
          owner,
          name,
          kind: 'event',
          sizeBytes: body.length,
          createdAt: 1,
          updatedAt: 1,
          updatedBy: 'ada',
        },
        ...over,
      });
      await current().functions.create(record);
    });

    it('are of one owner or of all, by name, and come back byte by byte', async () => {
      const { testEvents } = current();
      for (const record of [event('b', 'usr_ada'), event('a', 'usr_bob'), event('b'), event('a', 'usr_ada')])
        await testEvents.put(record, body);
      expect(await testEvents.list(functionId, 'usr_ada')).toEqual([
        event('b'),
        event('a', 'usr_ada'),
        event('b', 'usr_ada'),
      ]);
      expect(await testEvents.list(functionId, 'usr_eve')).toEqual([event('b')]);
      expect(await testEvents.list(newId('function'), 'usr_ada')).toEqual([]);
      expect(await testEvents.content(event('b'))).toEqual({ kind: 'event', body });
      expect(await testEvents.content(event('a'))).toBeUndefined();
    });

    it('are replaced whole but for when they were made, and removed one by one', async () => {
      const { testEvents } = current();
      await testEvents.put(event('a', 'usr_ada'), body);
      const change = { kind: 'request' as const, sizeBytes: 1, updatedAt: 9, updatedBy: 'eve' };
      await testEvents.put(event('a', 'usr_ada', { ...change, createdAt: 9 }), Buffer.from('1'));
      expect(await testEvents.list(functionId, 'usr_ada')).toEqual([event('a', 'usr_ada', change)]);
      expect(await testEvents.content(event('a', 'usr_ada'))).toEqual({ kind: 'request', body: Buffer.from('1') });
      expect(await testEvents.remove(event('a'))).toBe(false);
      expect(await testEvents.remove(event('a', 'usr_ada'))).toBe(true);
      expect(await testEvents.list(functionId, 'usr_ada')).toEqual([]);
    });

    it('go with their owner, and with their function', async () => {
      const { testEvents, functions } = current();
      for (const owner of ['usr_ada', 'usr_bob', undefined]) await testEvents.put(event('a', owner), body);
      await testEvents.removeOwned('usr_ada');
      await expect(testEvents.removeOwned('')).rejects.toThrow(RangeError);
      expect(await testEvents.list(functionId, 'usr_ada')).toEqual([event('a')]);
      expect(await testEvents.list(functionId, 'usr_bob')).toEqual([event('a'), event('a', 'usr_bob')]);
      await functions.remove(functionId, undefined);
      expect(await testEvents.list(functionId, 'usr_bob')).toEqual([]);
      const late = testEvents.put(event('a'), body);
      await expect(late).rejects.toMatchObject({ kind: 'not_found', code: 'function_not_found' });
    });
  });
}
