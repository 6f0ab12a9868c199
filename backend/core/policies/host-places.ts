/** Of a hundred places, how many functions without a reservation always have: nobody can be locked out of a host. */
const sharedPercent = 10;

/** How many places of a host may be reserved, all functions together. */
export function reservablePlaces(hostPlaces: number): number {
  return hostPlaces - Math.max(1, Math.ceil((hostPlaces * sharedPercent) / 100));
}

/** What takes places: a function. Changed by `HostPlaces` alone. */
export interface PlaceHolder {
  inFlight: number;
  /** Places that nobody else may take. */
  reserved: number;
}

/**
 * The places of a host, of which some are reserved: a function takes its own first, then those that are nobody's. So what is reserved is free
 * for it however busy the others are, and what they take together is never more than what is nobody's. There are never more than `total` taken.
 */
export class HostPlaces {
  readonly #total: number;
  #reserved = 0;
  #taken = 0;
  /** Of `#taken`, those beyond what their holders have reserved. */
  #takenOfShared = 0;

  constructor(total: number) {
    this.#total = total;
  }

  get total(): number {
    return this.#total;
  }

  /** Of all functions, also those that never called. */
  get reserved(): number {
    return this.#reserved;
  }

  get taken(): number {
    return this.#taken;
  }

  isFreeFor(holder: PlaceHolder): boolean {
    if (this.#taken >= this.#total) return false;
    return holder.inFlight < holder.reserved || this.#takenOfShared < this.#shared;
  }

  take(holder: PlaceHolder): void {
    if (holder.inFlight >= holder.reserved) this.#takenOfShared++;
    holder.inFlight++;
    this.#taken++;
  }

  giveBack(holder: PlaceHolder): void {
    holder.inFlight--;
    this.#taken--;
    if (holder.inFlight >= holder.reserved) this.#takenOfShared--;
  }

  /** What is reserved from now on, all functions together; then tell of each holder that has changed with `reserve`. */
  setReserved(places: number): void {
    this.#reserved = places;
  }

  /** Who runs more than was reserved until now keeps running: the places become its own, or nobody's, as they are given back. */
  reserve(holder: PlaceHolder, places: number): void {
    this.#takenOfShared -= Math.max(0, holder.inFlight - holder.reserved);
    holder.reserved = places;
    this.#takenOfShared += Math.max(0, holder.inFlight - places);
  }

  /** Never none: a host that was made smaller than its reservations serves the other functions too. */
  get #shared(): number {
    return Math.max(this.#total - this.#reserved, this.#total - reservablePlaces(this.#total));
  }
}
