import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AlertLook, lookAtAlert, noAlert } from './alert-state.ts';

const rule = { comparison: 'above', threshold: 10, forMs: 60_000, isSilenced: false } as const;

/** Looks one after the other, 30 s apart; says the states and the events. */
function watch(
  values: readonly (number | undefined)[],
  change: Partial<AlertLook> = {},
  silenced: readonly number[] = [],
) {
  let memory = noAlert;
  return values.map((value, index) => {
    const isSilenced = silenced.includes(index);
    const decision = lookAtAlert(memory, { ...rule, ...change, value, isSilenced, now: 1_000 + index * 30_000 });
    memory = decision.memory;
    return decision.event === undefined ? memory.state : `${memory.state}:${decision.event}`;
  });
}

describe('lookAtAlert', () => {
  it('fires once the condition held long enough, tells it once, and tells when it is over', () => {
    expect(watch([5, 11, 12, 13, 14, 9, 9])).toEqual([
      ...['ok', 'pending', 'pending', 'firing:firing', 'firing', 'ok:resolved', 'ok'],
    ]);
  });

  it('does not fire for what passes in time', () => {
    expect(watch([11, 11, 5, 11, 11])).toEqual(['pending', 'pending', 'ok', 'pending', 'pending']);
  });

  it('fires at once without a time to hold, and takes silence for well-being', () => {
    expect(watch([11, undefined], { forMs: 0 })).toEqual(['firing:firing', 'ok:resolved']);
  });

  it('watches what falls', () => {
    expect(watch([11, 10, 9], { forMs: 0, comparison: 'below' })).toEqual(['ok', 'ok', 'firing:firing']);
  });

  it('tells nobody during a silence; afterwards those who still fire', () => {
    const looks = watch([11, 11, 11, 5], { forMs: 0 }, [0, 1]);
    expect(looks).toEqual(['firing', 'firing', 'firing:firing', 'ok:resolved']);
    expect(watch([11, 5, 5], { forMs: 0 }, [0, 1])).toEqual(['firing', 'ok', 'ok']);
  });

  it('tells firing and resolved in turn, whatever is seen', () => {
    const values = fc.array(fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }));
    fc.assert(
      fc.property(values, fc.array(fc.nat(20)), (seen, silenced) => {
        const events = watch(seen, { forMs: 30_000 }, silenced).flatMap((text) => text.split(':').slice(1));
        expect(events).toEqual(events.map((_, index) => (index % 2 === 0 ? 'firing' : 'resolved')));
      }),
    );
  });
});
