import { AsyncResource } from 'node:async_hooks';
import { randomInt, randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { rememberEmptyStores, reseed, touchGenerators } from './reseed.ts';

const ownRandom = Math.random;
const entropy = Buffer.alloc(64, 'entropy');
const drawUuid = () => randomUUID();
const drawInt = () => randomInt(3);

/** How many values are drawn without filling a store, which takes an asynchronous id. */
function leftIn(draw: () => unknown): number {
  const takeId = () => new AsyncResource('test').asyncId();
  for (let left = 0; ; left++) {
    const before = takeId();
    draw();
    if (takeId() - before > 1) return left;
  }
}

describe('the stores of random values in a copy of a snapshot', () => {
  afterEach(() => {
    Math.random = ownRandom;
  });

  it('are empty until somebody draws, if nobody did', () => {
    touchGenerators();
    rememberEmptyStores();
    reseed(entropy);
    expect([leftIn(drawUuid), leftIn(drawInt)]).toEqual([0, 0]);
  });

  it.each([
    ['randomUUID', drawUuid],
    ['randomInt', drawInt],
  ])('have nothing from before when %s was called behind the last look at them', (_name, draw) => {
    touchGenerators();
    rememberEmptyStores();
    draw();
    reseed(entropy);
    // Both were filled anew; one value less would be left of what the draw had filled.
    expect([leftIn(drawUuid), leftIn(drawInt)]).toEqual([127, 1023]);
  });

  it('are filled anew where no one knows that they are empty', () => {
    touchGenerators();
    rememberEmptyStores();
    reseed(entropy);
    reseed(entropy);
    expect([leftIn(drawUuid), leftIn(drawInt)]).toEqual([127, 1023]);
  });
});
