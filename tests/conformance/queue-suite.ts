import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Claim } from '../../backend/core/ports/invocation-queue.ts';
import type { Store } from '../../backend/core/ports/store.ts';
import { type InvocationId, newId } from '../../shared/ids.ts';
import { drain, newItem, settleReport } from './store-records.ts';

/** The queue's part of the store suite. */
export function describeQueue(current: () => Store): void {
  describe('queue', () => {
    it('gives back what was enqueued, once, when it is due', async () => {
      const { queue, invocations } = current();
      const item = newItem({
        runAt: 50,
        idempotencyKey: 'k',
        traceparent: '00-a',
        depth: 2,
        replayOf: newId('invocation'),
      });
      expect(await queue.enqueue(item)).toEqual({ id: item.id, isDuplicate: false });
      expect(await invocations.find(item.id)).toMatchObject({
        status: 'queued',
        attempts: 0,
        payload: item.payload,
        nextAttemptAt: 50,
      });
      expect(await queue.nextDueAt()).toBe(50);
      expect(await queue.claim('o', 10, 100, 49)).toEqual([]);
      const [claim] = await queue.claim('o', 10, 100, 50);
      expect(claim).toMatchObject({ item, attempt: 1, leaseExpiresAt: 150 });
      expect(claim!.token.length).toBeGreaterThanOrEqual(16);
      expect(await queue.claim('o', 10, 100, 51)).toEqual([]);
      expect(await invocations.find(item.id)).toMatchObject({ status: 'running', attempts: 1, startedAt: 50 });
      expect(await queue.nextDueAt()).toBe(150);
    });

    it('answers a repeated idempotency key with the first invocation', async () => {
      const { queue } = current();
      const item = newItem({ idempotencyKey: 'once' });
      const again = (over: object) => newItem({ ...item, id: newId('invocation'), ...over });
      const results = await Promise.all([item, again({}), again({})].map((each) => queue.enqueue(each)));
      expect(results.map((result) => result.id)).toEqual([item.id, item.id, item.id]);
      expect(results.map((result) => result.isDuplicate)).toEqual([false, true, true]);
      await expect(queue.enqueue(again({ payload: Buffer.from('2') }))).rejects.toMatchObject({
        kind: 'unprocessable',
        code: 'idempotency_key_reused',
      });
      expect(await queue.depth()).toBe(1);
      const other = again({ functionId: newId('function') });
      expect(await queue.enqueue(other)).toEqual({ id: other.id, isDuplicate: false });
      const stillKept = again({ acceptedAt: item.acceptedAt + 24 * 3_600_000 - 1 });
      expect(await queue.enqueue(stillKept)).toMatchObject({ isDuplicate: true });
      const nextDay = again({ acceptedAt: item.acceptedAt + 24 * 3_600_000 });
      expect(await queue.enqueue(nextDay)).toEqual({ id: nextDay.id, isDuplicate: false });
    });

    it('takes a hundred requests with one idempotency key at once for one', async () => {
      const { queue } = current();
      const items = Array.from({ length: 100 }, () => newItem({ idempotencyKey: 'at-once' }));
      const functionId = items[0]!.functionId;
      const results = await Promise.all(items.map((item) => queue.enqueue({ ...items[0]!, functionId, id: item.id })));
      expect(new Set(results.map(({ id }) => id)).size).toBe(1);
      expect(results.filter(({ isDuplicate }) => !isDuplicate)).toHaveLength(1);
      expect(await queue.depth()).toBe(1);
      expect(await queue.claim('o', 100, 100, 1_000_000_000_000)).toHaveLength(1);
    });

    it('remembers a key after its invocation is over', async () => {
      const { queue } = current();
      const item = newItem({ idempotencyKey: 'once' });
      await queue.enqueue(item);
      const [claim] = await queue.claim('o', 1, 100, 1000);
      await queue.settle(claim!, { kind: 'done', report: settleReport('success'), result: undefined }, 1001);
      expect(await queue.enqueue({ ...item, id: newId('invocation') })).toEqual({ id: item.id, isDuplicate: true });
    });

    it('refuses an id that exists and leaves no trace of it', async () => {
      const { queue, invocations } = current();
      const item = newItem();
      await queue.enqueue(item);
      await expect(queue.enqueue({ ...item, payload: Buffer.from('7') })).rejects.toMatchObject({ kind: 'conflict' });
      expect((await invocations.find(item.id))?.payload).toEqual(item.payload);
      expect(await queue.depth()).toBe(1);
      expect(await queue.cancel(item.id, 2000)).toBe(true);
      await expect(queue.enqueue(item)).rejects.toMatchObject({ kind: 'conflict' });
      expect(await queue.depth()).toBe(0);
    });

    it('lets a flood of one function starve nobody', async () => {
      const { queue } = current();
      const flood = newId('function');
      await Promise.all(Array.from({ length: 100 }, (_, i) => queue.enqueue(newItem({ functionId: flood, runAt: i }))));
      const others = [newId('function'), newId('function')];
      for (const functionId of others) {
        for (const runAt of [500, 501]) await queue.enqueue(newItem({ functionId, runAt }));
      }
      const claims = await queue.claim('o', 6, 100, 1000);
      const counts = new Map<string, number>();
      for (const { item } of claims) counts.set(item.functionId, (counts.get(item.functionId) ?? 0) + 1);
      expect(Object.fromEntries(counts)).toEqual({ [flood]: 2, [others[0]!]: 2, [others[1]!]: 2 });
      expect(claims.map((claim) => claim.item.runAt)).toEqual([0, 1, 500, 500, 501, 501]);
      expect(await queue.claim('o', 50, 100, 1000)).toHaveLength(50);
    });

    it('passes over the functions that have their share', async () => {
      const { queue } = current();
      const [busy, other] = [newId('function'), newId('function')];
      for (const functionId of [busy, busy, other]) await queue.enqueue(newItem({ functionId, runAt: 1 }));
      const claims = await queue.claim('o', 10, 100, 1000, [busy]);
      expect(claims.map((claim) => claim.item.functionId)).toEqual([other]);
      expect(await queue.nextDueAt()).toBe(1);
      expect(await queue.nextDueAt([busy])).toBe(1100);
      expect(await queue.nextDueAt([busy, other])).toBeUndefined();
      expect(await queue.claim('o', 10, 100, 1000, [])).toHaveLength(2);
    });

    it('serves the functions that wait longest when there are more than places', async () => {
      const { queue } = current();
      for (let runAt = 9; runAt >= 0; runAt--) await queue.enqueue(newItem({ runAt }));
      expect((await queue.claim('o', 3, 100, 1000)).map((claim) => claim.item.runAt)).toEqual([0, 1, 2]);
      expect(await queue.claim('o', 0, 100, 1000)).toEqual([]);
    });

    it('stores success with its result', async () => {
      const { queue, invocations } = current();
      const item = newItem();
      await queue.enqueue(item);
      const [claim] = await queue.claim('o', 1, 100, 1000);
      const report = settleReport('success');
      const result = Buffer.from('{"ok":true}');
      expect(await queue.settle(claim!, { kind: 'done', report, result }, 1200)).toBe(true);
      expect(await invocations.find(item.id)).toMatchObject({
        status: 'success',
        finishedAt: 1200,
        start: report.start,
        timing: report.timing,
        usage: report.usage,
        instanceId: report.instanceId,
        httpStatus: 200,
        error: undefined,
        nextAttemptAt: undefined,
        result,
      });
      expect(await queue.settle(claim!, { kind: 'done', report, result }, 1300)).toBe(false);
      expect(await queue.nextDueAt()).toBeUndefined();
    });

    it('retries, releases without counting, and dead-letters', async () => {
      const { queue, invocations } = current();
      const item = newItem();
      await queue.enqueue(item);
      const claimAt = async (now: number) => {
        const [claim] = await queue.claim('o', 1, 100, now);
        return claim as Claim;
      };
      const error = { type: 'Boom', message: 'm', stack: 's' };
      const report = settleReport('function-error');
      await queue.settle(await claimAt(1000), { kind: 'retry', runAt: 2000, report, error: undefined }, 1001);
      expect(await invocations.find(item.id)).toMatchObject({
        status: 'queued',
        attempts: 1,
        nextAttemptAt: 2000,
        error,
        finishedAt: undefined,
      });
      expect(await queue.claim('o', 1, 100, 1999)).toEqual([]);
      const second = await claimAt(2000);
      expect(second.attempt).toBe(2);
      await queue.settle(second, { kind: 'release' }, 2001);
      expect(await invocations.find(item.id)).toMatchObject({ status: 'queued', attempts: 1 });
      const third = await claimAt(2002);
      expect(third.attempt).toBe(2);
      const reason = 'attempts-exhausted' as const;
      expect(await queue.settle(third, { kind: 'dead-letter', reason, report, error }, 2003)).toBe(true);
      expect(await invocations.find(item.id)).toMatchObject({ status: 'dead-letter', attempts: 2, error });
      expect(await queue.depth()).toBe(0);
      expect((await drain((page) => invocations.deadLetters({}, page), 5)).map((d) => d.reason)).toEqual([reason]);
    });

    it('fences: an older token neither extends nor settles', async () => {
      const { queue, invocations } = current();
      const item = newItem();
      await queue.enqueue(item);
      const [old] = await queue.claim('o', 1, 100, 1000);
      expect(await queue.extend(old!, 1200)).toBe(true);
      expect(await queue.claim('o', 1, 100, 1199)).toEqual([]);
      const [young] = await queue.claim('other', 1, 100, 1200);
      expect(young).toMatchObject({ attempt: 2, item: { id: item.id } });
      expect(young!.token).not.toBe(old!.token);
      expect(await queue.extend(old!, 9999)).toBe(false);
      const report = settleReport('success');
      for (const disposition of [
        { kind: 'done', report, result: Buffer.from('"late"') },
        { kind: 'retry', runAt: 1, report, error: undefined },
        { kind: 'dead-letter', reason: 'too-old', report, error: undefined },
        { kind: 'cancelled', report },
        { kind: 'release' },
      ] as const) {
        expect(await queue.settle(old!, disposition, 1300)).toBe(false);
      }
      expect(await invocations.find(item.id)).toMatchObject({ status: 'running', attempts: 2, result: undefined });
      expect(await queue.settle(young!, { kind: 'done', report, result: undefined }, 1300)).toBe(true);
    });

    it('cancels what waits and only that', async () => {
      const { queue, invocations } = current();
      const [waiting, running] = [newItem({ runAt: 5000 }), newItem()];
      await queue.enqueue(waiting);
      await queue.enqueue(running);
      const [claim] = await queue.claim('o', 1, 100, 1000);
      expect(await queue.cancel(waiting.id, 1500)).toBe(true);
      expect(await queue.cancel(waiting.id, 1500)).toBe(false);
      expect(await queue.cancel(running.id, 1500)).toBe(false);
      expect(await queue.cancel(newId('invocation'), 1500)).toBe(false);
      expect(await invocations.find(waiting.id)).toMatchObject({ status: 'cancelled', finishedAt: 1500 });
      await queue.settle(claim!, { kind: 'cancelled', report: undefined }, 1600);
      expect(await invocations.find(running.id)).toMatchObject({ status: 'cancelled', finishedAt: 1600 });
    });

    it('releases the leases of a platform that is gone', async () => {
      const { queue, invocations } = current();
      const items = [newItem(), newItem(), newItem()];
      for (const item of items) await queue.enqueue(item);
      const [gone] = await queue.claim('gone', 2, 1_000_000, 1000);
      const [mine] = await queue.claim('me', 1, 1_000_000, 1000);
      expect(await queue.depth()).toBe(0);
      expect(await queue.releaseOwned('me')).toBe(2);
      expect(await queue.depth()).toBe(2);
      expect(await queue.settle(gone!, { kind: 'release' }, 1001)).toBe(false);
      expect(await invocations.find(gone!.item.id)).toMatchObject({ status: 'queued' });
      const again = await queue.claim('me', 9, 100, 1001);
      expect(again.map((claim) => claim.attempt)).toEqual([2, 2]);
      expect(await queue.extend(mine!, 5)).toBe(true);
    });

    it('counts what waits, in all and by function', async () => {
      const { queue } = current();
      const functionId = newId('function');
      for (let i = 0; i < 3; i++) await queue.enqueue(newItem({ functionId }));
      await queue.enqueue(newItem());
      expect(await queue.depth([functionId, newId('function')])).toBe(await queue.depth(functionId));
      expect(await queue.depth([])).toBe(0);
      expect([await queue.depth(), await queue.depth(functionId), await queue.depth(newId('function'))]).toEqual([
        4, 3, 0,
      ]);
    });

    it('knows since when the one that is due longest is due, in all and by function', async () => {
      const { queue } = current();
      const [slow, fast] = [newId('function'), newId('function')];
      expect([await queue.oldestDueAt(undefined), await queue.oldestDueAt([slow])]).toEqual([undefined, undefined]);
      await queue.enqueue(newItem({ functionId: slow, runAt: 500 }));
      await queue.enqueue(newItem({ functionId: fast, runAt: 700 }));
      await queue.enqueue(newItem({ functionId: fast, runAt: 600 }));
      expect(await queue.oldestDueAt(undefined)).toBe(500);
      expect(await queue.oldestDueAt([fast])).toBe(600);
      expect(await queue.oldestDueAt([fast, slow, newId('function')])).toBe(500);
      expect(await queue.oldestDueAt([])).toBeUndefined();
      expect(await queue.oldestDueAt([newId('function')])).toBeUndefined();
    });

    it('wakes listeners after a commit, not before, and not after unsubscribing', async () => {
      const store = current();
      let wakes = 0;
      const off = store.queue.onReady(() => {
        wakes += 1;
      });
      await store.queue.enqueue(newItem());
      await turn();
      await turn();
      expect(wakes).toBe(1);
      await store.transaction(async (tx) => {
        await tx.queue.enqueue(newItem());
        await turn();
        await turn();
        expect(wakes).toBe(1);
      });
      await turn();
      await turn();
      expect(wakes).toBe(2);
      off();
      await store.queue.enqueue(newItem());
      await turn();
      await turn();
      expect(wakes).toBe(2);
    });

    it('takes a thousand enqueues at once, and hands each out once to claimers that compete', async () => {
      const { queue } = current();
      const functions = Array.from({ length: 7 }, () => newId('function'));
      const items = Array.from({ length: 1000 }, (_, i) =>
        newItem({ functionId: functions[i % 7]!, payload: Buffer.alloc(i, 97) }),
      );
      await Promise.all(items.map((item) => queue.enqueue(item)));
      expect(await queue.depth()).toBe(1000);
      const claimed = new Map<string, number>();
      const claimer = async (owner: string) => {
        for (;;) {
          const claims = await queue.claim(owner, 30, 1000, 2000);
          if (claims.length === 0) return;
          for (const { item } of claims) {
            expect(claimed.has(item.id)).toBe(false);
            claimed.set(item.id, item.payload.length);
          }
        }
      };
      await Promise.all(['a', 'b', 'c', 'd'].map(claimer));
      expect(claimed.size).toBe(1000);
      for (const item of items) expect(claimed.get(item.id)).toBe(item.payload.length);
    });

    it('follows its state machine whatever the order of events', async () => {
      const command = fc.oneof(
        fc.record({ op: fc.constant('enqueue' as const), delay: fc.nat(50), fn: fc.nat(2) }),
        fc.record({
          op: fc.constant('claim' as const),
          max: fc.integer({ min: 1, max: 4 }),
          lease: fc.integer({ min: 1, max: 60 }),
        }),
        fc.record({ op: fc.constant('settle' as const), pick: fc.nat(), how: fc.nat(4) }),
        fc.record({ op: fc.constant('extend' as const), pick: fc.nat(), by: fc.integer({ min: 1, max: 60 }) }),
        fc.record({ op: fc.constant('cancel' as const), pick: fc.nat() }),
        fc.record({ op: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 80 }) }),
        fc.record({ op: fc.constant('crash' as const) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
          await new QueueModelRun(current()).run(commands);
        }),
        { numRuns: 25 },
      );
    });
  });
}

type Command =
  | { readonly op: 'enqueue'; readonly delay: number; readonly fn: number }
  | { readonly op: 'claim'; readonly max: number; readonly lease: number }
  | { readonly op: 'settle'; readonly pick: number; readonly how: number }
  | { readonly op: 'extend'; readonly pick: number; readonly by: number }
  | { readonly op: 'cancel'; readonly pick: number }
  | { readonly op: 'pass'; readonly ms: number }
  | { readonly op: 'crash' };

interface Expected {
  state: 'waiting' | 'leased' | 'over';
  availableAt: number;
  dueAt: number;
  attempts: number;
  token: string | undefined;
  status: string;
}

/** The queue beside a model of it in memory; after every command both must agree. */
class QueueModelRun {
  readonly #store: Store;
  readonly #expected = new Map<InvocationId, Expected>();
  readonly #claims: Claim[] = [];
  readonly #functions = [newId('function'), newId('function'), newId('function')];
  #now = 1_000_000;
  #owner = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async run(commands: readonly Command[]): Promise<void> {
    for (const command of commands) await this.#apply(command);
    for (const [id, expected] of this.#expected) {
      const found = await this.#store.invocations.find(id);
      expect(found).toMatchObject({ status: expected.status, attempts: expected.attempts });
    }
    // Leave nothing behind for the next run in the same database.
    this.#now += 1000;
    await this.#store.queue.releaseOwned('nobody');
    for (const [id, expected] of this.#expected) {
      if (expected.state !== 'over') expect(await this.#store.queue.cancel(id, this.#now)).toBe(true);
    }
    expect(await this.#store.queue.nextDueAt()).toBeUndefined();
  }

  async #apply(command: Command): Promise<void> {
    const { queue } = this.#store;
    switch (command.op) {
      case 'enqueue': {
        const runAt = this.#now + command.delay;
        const item = newItem({ functionId: this.#functions[command.fn]!, runAt });
        await queue.enqueue(item);
        this.#expected.set(item.id, {
          state: 'waiting',
          availableAt: runAt,
          dueAt: runAt,
          attempts: 0,
          token: undefined,
          status: 'queued',
        });
        return;
      }
      case 'claim':
        return this.#claim(command.max, command.lease);
      case 'settle':
        return this.#settle(command.pick, command.how);
      case 'extend': {
        const claim = this.#claims[command.pick % Math.max(1, this.#claims.length)];
        if (claim === undefined) return;
        const expected = this.#expected.get(claim.item.id)!;
        const isOurs = expected.token === claim.token;
        expect(await queue.extend(claim, this.#now + command.by)).toBe(isOurs);
        if (isOurs) expected.availableAt = this.#now + command.by;
        return;
      }
      case 'cancel': {
        const [id, expected] = [...this.#expected][command.pick % Math.max(1, this.#expected.size)] ?? [];
        if (id === undefined || expected === undefined) return;
        expect(await queue.cancel(id, this.#now)).toBe(expected.state === 'waiting');
        if (expected.state === 'waiting') Object.assign(expected, { state: 'over', status: 'cancelled' });
        return;
      }
      case 'pass':
        this.#now += command.ms;
        return;
      case 'crash':
        return this.#crash();
    }
  }

  async #claim(max: number, lease: number): Promise<void> {
    const due = [...this.#expected.values()].filter((e) => e.state !== 'over' && e.availableAt <= this.#now);
    const claims = await this.#store.queue.claim(`owner-${this.#owner}`, max, lease, this.#now);
    expect(claims).toHaveLength(Math.min(max, due.length));
    for (const claim of claims) {
      const expected = this.#expected.get(claim.item.id)!;
      expect(expected.state).not.toBe('over');
      expect(expected.availableAt).toBeLessThanOrEqual(this.#now);
      expect(claim.attempt).toBe(expected.attempts + 1);
      expect(claim.token).not.toBe(expected.token);
      Object.assign(expected, {
        state: 'leased',
        availableAt: this.#now + lease,
        attempts: claim.attempt,
        token: claim.token,
        status: 'running',
      });
      this.#claims.push(claim);
    }
  }

  async #settle(pick: number, how: number): Promise<void> {
    const claim = this.#claims[pick % Math.max(1, this.#claims.length)];
    if (claim === undefined) return;
    const expected = this.#expected.get(claim.item.id)!;
    const isOurs = expected.token === claim.token;
    const report = settleReport('success');
    const runAt = this.#now + 20;
    const dispositions = [
      [
        { kind: 'done', report, result: Buffer.from('1') },
        { state: 'over', status: 'success' },
      ],
      [
        { kind: 'retry', runAt, report, error: undefined },
        { state: 'waiting', status: 'queued', availableAt: runAt, dueAt: runAt },
      ],
      [
        { kind: 'dead-letter', reason: 'too-old', report, error: undefined },
        { state: 'over', status: 'dead-letter' },
      ],
      [
        { kind: 'cancelled', report },
        { state: 'over', status: 'cancelled' },
      ],
      [
        { kind: 'release' },
        { state: 'waiting', status: 'queued', availableAt: expected.dueAt, attempts: expected.attempts - 1 },
      ],
    ] as const;
    const [disposition, change] = dispositions[how % dispositions.length]!;
    expect(await this.#store.queue.settle(claim, disposition, this.#now)).toBe(isOurs);
    if (isOurs) Object.assign(expected, change, { token: undefined });
  }

  /** Another platform process takes over. */
  async #crash(): Promise<void> {
    this.#owner += 1;
    const leased = [...this.#expected.values()].filter((e) => e.state === 'leased');
    expect(await this.#store.queue.releaseOwned(`owner-${this.#owner}`)).toBe(leased.length);
    for (const expected of leased) {
      Object.assign(expected, { state: 'waiting', status: 'queued', availableAt: expected.dueAt, token: undefined });
    }
  }
}
