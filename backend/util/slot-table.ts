const firstSlots = 64;

/**
 * Items by ids that only grow, of which few are there at a time: an array that is used round and round.
 *
 * Not a Map, on purpose: when a Map fills up with deleted entries, V8 moves the rest into a new table and leaves a link from the old
 * one to the new. As soon as one of those tables has been promoted to the old generation, every later one, and all that was in
 * it, survives until the next full collection. With thousands of calls a second that was 2 KB of each, and most of the time spent in
 * garbage collection.
 */
export class SlotTable<T extends { readonly id: number }> {
  #slots = emptySlots<T>(firstSlots);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    const item = this.#slots[id % this.#slots.length];
    return item?.id === id ? item : undefined;
  }

  /** Its id must not be there. */
  add(item: T): void {
    while (this.#slots[item.id % this.#slots.length] !== undefined) this.#grow();
    this.#slots[item.id % this.#slots.length] = item;
    this.#size++;
  }

  delete(id: number): void {
    const at = id % this.#slots.length;
    if (this.#slots[at]?.id !== id) return;
    this.#slots[at] = undefined;
    this.#size--;
  }

  /** What is there now, in no particular order. */
  values(): T[] {
    const values: T[] = [];
    if (this.#size === 0) return values;
    for (let i = 0; i < this.#slots.length; i++) {
      const item = this.#slots[i];
      if (item !== undefined) values[values.length] = item;
    }
    return values;
  }

  find(fits: (item: T) => boolean): T | undefined {
    for (let i = 0; i < this.#slots.length && this.#size > 0; i++) {
      const item = this.#slots[i];
      if (item !== undefined && fits(item)) return item;
    }
    return undefined;
  }

  /** Two items in one slot: their ids differ by a multiple of the size, so a large enough table parts them. */
  #grow(): void {
    const items = this.values();
    let { length } = this.#slots;
    do length *= 2;
    while (!this.#refill(items, length));
  }

  /** False when two of them meet again. */
  #refill(items: readonly T[], length: number): boolean {
    const slots = emptySlots<T>(length);
    this.#slots = slots;
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as T;
      if (slots[item.id % length] !== undefined) return false;
      slots[item.id % length] = item;
    }
    return true;
  }
}

/** No method of Array is used here: inside a sandbox, user code may have replaced them. */
function emptySlots<T>(length: number): (T | undefined)[] {
  const slots: (T | undefined)[] = [];
  for (let i = 0; i < length; i++) slots[i] = undefined;
  return slots;
}
