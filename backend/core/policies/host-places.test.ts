import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostPlaces, type PlaceHolder, reservablePlaces } from './host-places.ts';

const holder = (): PlaceHolder => ({ inFlight: 0, reserved: 0 });

/** Takes as many as there are for this holder. */
function fill(places: HostPlaces, by: PlaceHolder): number {
  let taken = 0;
  for (; places.isFreeFor(by); taken++) places.take(by);
  return taken;
}

describe('HostPlaces', () => {
  it('keeps what is reserved for its holder, however many the others want', () => {
    const places = new HostPlaces(10);
    const [own, other] = [holder(), holder()];
    places.setReserved(4);
    places.reserve(own, 4);
    expect(fill(places, other)).toBe(6);
    expect(fill(places, own)).toBe(4);
    places.giveBack(other);
    expect(fill(places, own)).toBe(1);
    expect(places.taken).toBe(10);
    places.giveBack(own);
    expect(fill(places, other)).toBe(1);
  });

  it('keeps places for one that has never called', () => {
    const places = new HostPlaces(10);
    places.setReserved(9);
    expect(fill(places, holder())).toBe(1);
  });

  it('leaves a tenth to all when there are more reservations than places', () => {
    const places = new HostPlaces(20);
    places.setReserved(50);
    expect(fill(places, holder())).toBe(2);
  });

  it('gives nothing away twice while reservations come and go', () => {
    const step = fc.record({ what: fc.constantFrom('take', 'give', 'reserve'), who: fc.nat(2), places: fc.nat(4) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const places = new HostPlaces(14);
        const holders = [holder(), holder(), holder()];
        for (const { what, who, places: wanted } of steps) {
          const one = holders[who] ?? holder();
          if (what === 'give' && one.inFlight > 0) places.giveBack(one);
          else if (what === 'take' && places.isFreeFor(one)) places.take(one);
          else if (what === 'reserve') {
            places.setReserved(holders.reduce((sum, each) => sum + (each === one ? wanted : each.reserved), 0));
            places.reserve(one, wanted);
          }
          expect(places.taken).toBe(holders.reduce((sum, { inFlight }) => sum + inFlight, 0));
          expect(places.taken).toBeLessThanOrEqual(14);
        }
        // Everybody gets what is reserved once those that run have ended.
        for (const one of holders) while (one.inFlight > 0) places.giveBack(one);
        const greedy = holder();
        expect(fill(places, greedy)).toBe(14 - places.reserved);
        for (const one of holders) {
          const { reserved } = one;
          for (let i = 0; i < reserved; i++) {
            expect(places.isFreeFor(one)).toBe(true);
            places.take(one);
          }
        }
      }),
    );
  });
});

describe('what may be reserved', () => {
  it('is nine tenths of the host, and never all of it', () => {
    expect([1, 2, 10, 15, 1000].map(reservablePlaces)).toEqual([0, 1, 9, 13, 900]);
  });
});
