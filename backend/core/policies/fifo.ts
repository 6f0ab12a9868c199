/** One place in a `Fifo`; kept by whoever pushed, to leave early. */
export interface FifoNode<T> {
  readonly item: T;
  previous: FifoNode<T> | undefined;
  next: FifoNode<T> | undefined;
  isLinked: boolean;
}

/** First in, first out, with removal from the middle; every operation takes constant time however many wait. */
export class Fifo<T> {
  #head: FifoNode<T> | undefined;
  #tail: FifoNode<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): FifoNode<T> {
    const node: FifoNode<T> = { item, previous: this.#tail, next: undefined, isLinked: true };
    if (this.#tail === undefined) this.#head = node;
    else this.#tail.next = node;
    this.#tail = node;
    this.#size++;
    return node;
  }

  peek(): T | undefined {
    return this.#head?.item;
  }

  shift(): T | undefined {
    const node = this.#head;
    if (node === undefined) return undefined;
    this.remove(node);
    return node.item;
  }

  /** False when it left already. `node` must be of this list. */
  remove(node: FifoNode<T>): boolean {
    if (!node.isLinked) return false;
    if (node.previous === undefined) this.#head = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.#tail = node.previous;
    else node.next.previous = node.previous;
    node.isLinked = false;
    node.previous = undefined;
    node.next = undefined;
    this.#size--;
    return true;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    let node = this.#head;
    while (node !== undefined) {
      const next = node.next;
      yield node.item;
      node = next;
    }
  }
}
