import { describe, expect, it } from 'vitest';
import type { KeptRequest } from '../../backend/core/kept-request.ts';
import type { InvocationFilter, Store } from '../../backend/core/ports/store.ts';
import { type FunctionId, newId } from '../../shared/ids.ts';
import { drain, functionRecord, invocationRecord, newItem, settleReport } from './store-records.ts';

export function keptRequest(over: Partial<KeptRequest> = {}): KeptRequest {
  return {
    head: {
      method: 'POST',
      target: '/orders?dry=1',
      headers: ['content-type', 'application/octet-stream', 'x-a', 'ä'],
      clientAddress: '203.0.113.9',
      scheme: 'https',
      host: 'api.example.com',
      params: { id: '7' },
    },
    body: Buffer.from([0, 255, 10]),
    bodyBytes: 3,
    isCut: false,
    isMasked: false,
    redacted: ['header authorization'],
    response: { status: 502, headers: ['x-b', 'c'], body: Buffer.from('no'), isCut: true },
    ...over,
  };
}

const nothing: InvocationFilter = {
  functionName: undefined,
  status: undefined,
  trigger: undefined,
  from: undefined,
  to: undefined,
};
const unbounded = { before: 0, maxBytes: 1e9, maxBytesPerFunction: 1e9 };

/** The part of the store suite about requests of calls over HTTP, and about finding invocations. */
export function describeKeptRequests(current: () => Store): void {
  const record = async (functionId: FunctionId, createdAt: number, request = keptRequest()) => {
    const invocation = invocationRecord({ functionId, createdAt, status: 'function-error' });
    const payload = { payload: undefined, result: undefined, request };
    await current().invocations.record([{ record: invocation, payload }]);
    return invocation.id;
  };
  const keptOf = async (ids: readonly Awaited<ReturnType<typeof record>>[]) => {
    const found = await Promise.all(ids.map((id) => current().invocations.find(id)));
    return found.map((one) => one?.request !== undefined);
  };

  describe('kept requests', () => {
    it('come back byte by byte, to the project of the function alone', async () => {
      const { invocations } = current();
      const whole = await record(newId('function'), 1);
      const half = keptRequest({ bodyBytes: undefined, isCut: true, response: undefined });
      const cut = await record(newId('function'), 2, half);
      expect((await invocations.find(whole, 'default'))?.request).toEqual(keptRequest());
      expect((await invocations.find(cut))?.request).toEqual(half);
      expect(await invocations.find(whole, 'acme')).toBeUndefined();
      const none = invocationRecord();
      await invocations.record([{ record: none, payload: undefined }]);
      const { items } = await invocations.list(nothing, { limit: 9, cursor: undefined });
      expect(items.map(({ id, hasRequest }) => [id, hasRequest])).toEqual([
        [none.id, false],
        [cut, true],
        [whole, true],
      ]);
    });

    it('travel with a replay through the queue, and stay when it is over', async () => {
      const { queue, invocations } = current();
      const request = keptRequest({ response: undefined });
      const item = newItem({ trigger: 'replay', payload: request.body, request });
      await queue.enqueue(item);
      await queue.enqueue(newItem({ acceptedAt: 1001, runAt: 1001 }));
      const [claim, other] = await queue.claim('o', 2, 100, 5000);
      expect(claim?.item.request).toEqual(request);
      expect(other?.item.request).toBeUndefined();
      if (claim === undefined) throw new Error('nothing claimed');
      // Too old, but somebody still runs it.
      expect(await invocations.pruneRequests({ ...unbounded, before: 9e12 })).toBe(0);
      await queue.settle(claim, { kind: 'dead-letter', reason: 'too-old', report: undefined, error: undefined }, 6000);
      expect(await invocations.pruneRequests({ ...unbounded, before: 9e12 })).toBe(0);
      const [letter] = (await invocations.deadLetters({}, { limit: 1, cursor: undefined })).items;
      expect(letter?.request).toEqual(request);
      await invocations.removeDeadLetter(item.id);
      expect(await invocations.pruneRequests({ ...unbounded, before: 9e12 })).toBe(1);
      const found = await invocations.find(item.id);
      expect(found?.status).toBe('dead-letter');
      expect(found?.request).toBeUndefined();
    });

    it('are bounded by age, per function and in all, the oldest going first', async () => {
      const { invocations } = current();
      const [a, b] = [newId('function'), newId('function')];
      const body = Buffer.alloc(10_000);
      const large = keptRequest({ body, bodyBytes: body.length });
      const ids = [];
      for (const [at, owner] of [a, a, a, b, b].entries()) ids.push(await record(owner, 100 + at, large));
      expect(await invocations.pruneRequests(unbounded)).toBe(0);
      expect(await invocations.pruneRequests({ ...unbounded, before: 101 })).toBe(1);
      expect(await keptOf(ids)).toEqual([false, true, true, true, true]);
      expect(await invocations.pruneRequests({ ...unbounded, maxBytesPerFunction: 15_000 })).toBe(2);
      expect(await keptOf(ids)).toEqual([false, false, true, false, true]);
      expect(await invocations.pruneRequests({ ...unbounded, maxBytes: 15_000 })).toBe(1);
      expect(await keptOf(ids)).toEqual([false, false, false, false, true]);
    });

    it('go with their invocation, and with their function', async () => {
      const { invocations, functions } = current();
      const owner = functionRecord('owner');
      await functions.create(owner);
      const old = await record(newId('function'), 1);
      const owned = await record(owner.id, 2);
      await functions.remove(owner.id, undefined);
      expect(await keptOf([old, owned])).toEqual([true, false]);
      await invocations.prune(8);
      expect(await invocations.find(old)).toBeUndefined();
      expect(await invocations.pruneRequests({ ...unbounded, before: 9e12 })).toBe(0);
    });
  });

  describe('finding invocations', () => {
    it('by version, time taken, id, trace and error', async () => {
      const { invocations } = current();
      const timing = invocationRecord().timing;
      if (timing === undefined) throw new Error('no timing');
      const slow = invocationRecord({ version: 2, timing: { ...timing, totalMs: 900.5 }, createdAt: 1 });
      const failed = invocationRecord({ error: { type: 'TypeError', message: 'no Such order' }, createdAt: 2 });
      const traced = invocationRecord({ traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`, createdAt: 3 });
      const all = [slow, failed, traced];
      await invocations.record(all.map((one) => ({ record: one, payload: undefined })));
      const found = async (filter: Partial<InvocationFilter>) =>
        (await invocations.list({ ...nothing, ...filter }, { limit: 9, cursor: undefined })).items.map(({ id }) => id);
      expect(await found({ version: 2 })).toEqual([slow.id]);
      expect(await found({ minDurationMs: 900.5 })).toEqual([slow.id]);
      expect(await found({ minDurationMs: 901 })).toEqual([]);
      expect(await found({ search: 'such ORDER' })).toEqual([failed.id]);
      expect(await found({ search: 'AB'.repeat(16) })).toEqual([traced.id]);
      expect(await found({ search: failed.id })).toEqual([failed.id]);
      expect(await found({ search: failed.id, version: 2 })).toEqual([]);
      expect(await found({ search: traced.id.slice(0, -3) })).toContain(traced.id);
      expect(await found({ search: traced.id.slice(1) })).toEqual([]);
      expect(await found({ search: '%' })).toEqual([]);
      expect(await found({ project: 'acme', search: failed.id })).toEqual([]);
    });

    it('looks at so many for each page, and goes on from there', async () => {
      const { invocations } = current();
      const records = Array.from({ length: 25 }, (_, at) => invocationRecord({ version: at % 12 === 0 ? 2 : 1 }));
      await invocations.record(records.map((one) => ({ record: one, payload: undefined })));
      const pages: number[] = [];
      const list = async (page: Parameters<typeof invocations.list>[1]) => {
        const answer = await invocations.list({ ...nothing, version: 2, maxLookedAt: 5 }, page);
        pages.push(answer.items.length);
        return answer;
      };
      const found = await drain(list, 2);
      expect(found.map(({ id }) => id)).toEqual([24, 12, 0].map((at) => records[at]?.id));
      expect(pages).toEqual([1, 0, 1, 0, 1]);
      expect(await drain((page) => invocations.list({ ...nothing, version: 1, maxLookedAt: 5 }, page), 2)).toHaveLength(
        22,
      );
    });
  });

  it('a replay of a call over HTTP that fails has its failure as its result', async () => {
    const { queue, invocations } = current();
    const item = newItem({ trigger: 'replay', request: keptRequest() });
    await queue.enqueue(item);
    const [claim] = await queue.claim('o', 1, 100, 5000);
    if (claim === undefined) throw new Error('nothing claimed');
    await queue.settle(claim, { kind: 'done', report: settleReport('function-error'), result: undefined }, 6000);
    expect(await invocations.find(item.id)).toMatchObject({ status: 'function-error', error: { type: 'Boom' } });
  });
}
