import { Fifo, type FifoNode } from './fifo.ts';

interface Flow<Key, T> {
  readonly key: Key;
  readonly waiting: Fifo<T>;
  deficit: number;
}

/** Where an item waits; `leave` takes it out early and is false when it was taken already. */
export interface FairQueueTicket {
  leave(): boolean;
}

export interface FairQueueOptions<Key, T> {
  /** What serving an item costs, in the unit of `quantumOf`; asked when the item is first in its flow. */
  readonly costOf: (item: T) => number;
  /** How much cost a flow may spend per round; above 0. */
  readonly quantumOf: (key: Key) => number;
}

/**
 * Waiting items of many flows (functions), served fairly by cost: deficit round robin (Shreedhar and Varghese, SIGCOMM 1995). In every
 * round a flow may spend its quantum, what it does not spend is kept while it waits, and a flow that is empty keeps nothing. So a
 * flow with ten thousand waiting items delays another flow's first item by one round, not by ten thousand items. A flow whose
 * items cannot be served now is passed over without losing or gaining credit. Order inside a flow is first in, first out.
 */
export class FairQueue<Key, T> {
  readonly #options: FairQueueOptions<Key, T>;
  /** Flows that have waiting items, in the order of their turns: a Map keeps the order of insertion. */
  readonly #flows = new Map<Key, Flow<Key, T>>();
  #size = 0;

  constructor(options: FairQueueOptions<Key, T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  sizeOf(key: Key): number {
    return this.#flows.get(key)?.waiting.size ?? 0;
  }

  push(key: Key, item: T): FairQueueTicket {
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      flow = { key, waiting: new Fifo(), deficit: 0 };
      this.#flows.set(key, flow);
    }
    const node = flow.waiting.push(item);
    this.#size++;
    const owner = flow;
    return { leave: () => this.#leave(owner, node) };
  }

  /** The next item of a flow for which `mayServe` holds, or undefined. Each flow is asked at most once per call. */
  takeNext(mayServe: (key: Key) => boolean): T | undefined {
    const ready = this.#readyFlows(mayServe);
    if (ready.length === 0) return undefined;
    let flow = ready.find((candidate) => candidate.deficit >= this.#costOfFirst(candidate));
    if (flow === undefined) flow = this.#runRounds(ready);
    return this.#serve(flow);
  }

  #readyFlows(mayServe: (key: Key) => boolean): Flow<Key, T>[] {
    const ready: Flow<Key, T>[] = [];
    for (const flow of this.#flows.values()) {
      if (mayServe(flow.key)) ready.push(flow);
    }
    return ready;
  }

  /** Gives every ready flow as many quanta as the flow that is first able to pay needs: whole rounds in one step. */
  #runRounds(ready: readonly Flow<Key, T>[]): Flow<Key, T> {
    let rounds = Number.POSITIVE_INFINITY;
    let winner: Flow<Key, T> | undefined;
    for (const flow of ready) {
      const needed = Math.ceil((this.#costOfFirst(flow) - flow.deficit) / this.#options.quantumOf(flow.key));
      if (needed < rounds) {
        rounds = needed;
        winner = flow;
      }
    }
    for (const flow of ready) flow.deficit += rounds * this.#options.quantumOf(flow.key);
    return winner as Flow<Key, T>;
  }

  #serve(flow: Flow<Key, T>): T {
    flow.deficit -= this.#costOfFirst(flow);
    const item = flow.waiting.shift() as T;
    this.#size--;
    this.#flows.delete(flow.key);
    if (flow.waiting.size > 0) this.#flows.set(flow.key, flow);
    return item;
  }

  #costOfFirst(flow: Flow<Key, T>): number {
    const first = flow.waiting.peek();
    return first === undefined ? 0 : Math.max(1, this.#options.costOf(first));
  }

  #leave(flow: Flow<Key, T>, node: FifoNode<T>): boolean {
    if (!flow.waiting.remove(node)) return false;
    this.#size--;
    if (flow.waiting.size === 0) this.#flows.delete(flow.key);
    return true;
  }
}
