import type {
  Claim,
  Disposition,
  EnqueueResult,
  InvocationQueue,
  NewAsyncInvocation,
} from '../../backend/core/ports/invocation-queue.ts';
import type { FunctionId, InvocationId } from '../../shared/ids.ts';
import { Faults } from './memory-stores.ts';

interface Row {
  item: NewAsyncInvocation;
  availableAt: number;
  attempt: number;
  token: string | undefined;
}

/** The durable queue's rules (leases, fences, due times) in memory, with faults on demand. */
export class MemoryQueue implements InvocationQueue {
  readonly faults = new Faults();
  readonly rows = new Map<InvocationId, Row>();
  readonly settled: { readonly id: InvocationId; readonly disposition: Disposition }[] = [];
  /** How often somebody asked for what is due. */
  claims = 0;
  #tokens = 0;
  #listeners = new Set<() => void>();

  async enqueue(item: NewAsyncInvocation): Promise<EnqueueResult> {
    await this.faults.pass();
    this.rows.set(item.id, { item, availableAt: item.runAt, attempt: 0, token: undefined });
    for (const wake of this.#listeners) wake();
    return { id: item.id, isDuplicate: false };
  }

  async claim(_owner: string, max: number, leaseMs: number, now: number, except: readonly FunctionId[] = []) {
    await this.faults.pass();
    this.claims++;
    const due = [...this.rows.values()].filter(
      ({ item, availableAt }) => availableAt <= now && !except.includes(item.functionId),
    );
    due.sort((a, b) => a.availableAt - b.availableAt);
    return due.slice(0, max).map((row): Claim => {
      row.token = `token ${++this.#tokens}`;
      row.attempt++;
      row.availableAt = now + leaseMs;
      return { item: row.item, attempt: row.attempt, token: row.token, leaseExpiresAt: row.availableAt };
    });
  }

  async extend(claim: Claim, leaseExpiresAt: number): Promise<boolean> {
    await this.faults.pass();
    const row = this.#owned(claim);
    if (row !== undefined) row.availableAt = leaseExpiresAt;
    return row !== undefined;
  }

  async settle(claim: Claim, disposition: Disposition, now: number): Promise<boolean> {
    await this.faults.pass();
    const row = this.#owned(claim);
    if (row === undefined) return false;
    this.settled.push({ id: claim.item.id, disposition });
    row.token = undefined;
    if (disposition.kind === 'retry') {
      row.availableAt = disposition.runAt;
      row.item = { ...row.item, runAt: disposition.runAt };
    } else if (disposition.kind === 'release') {
      row.availableAt = now;
      row.attempt--;
    } else this.rows.delete(claim.item.id);
    return true;
  }

  async cancel(id: InvocationId): Promise<boolean> {
    const row = this.rows.get(id);
    return row !== undefined && row.token === undefined && this.rows.delete(id);
  }

  async releaseOwned(): Promise<number> {
    await this.faults.pass();
    return 0;
  }

  async depth(): Promise<number> {
    return this.rows.size;
  }

  async nextDueAt(except: readonly FunctionId[] = []): Promise<number | undefined> {
    const others = [...this.rows.values()].filter(({ item }) => !except.includes(item.functionId));
    const times = others.map(({ availableAt }) => availableAt);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  async oldestDueAt(of: readonly FunctionId[] | undefined): Promise<number | undefined> {
    const rows = [...this.rows.values()].filter(({ item }) => of === undefined || of.includes(item.functionId));
    const times = rows.map(({ availableAt }) => availableAt);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  onReady(wake: () => void): () => void {
    this.#listeners.add(wake);
    return () => this.#listeners.delete(wake);
  }

  #owned(claim: Claim): Row | undefined {
    const row = this.rows.get(claim.item.id);
    return row?.token === claim.token ? row : undefined;
  }
}
