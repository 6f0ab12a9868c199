import { cachedDataVersionTag } from 'node:v8';
import { afterEach, describe, expect, it } from 'vitest';
import { compiledAtOnce, holdCompilers, interpreted, keepCompiled, releaseCompilers } from './compilers.ts';

/** Made of all flags of V8: code that was compiled ahead is taken only where it is the same. */
const before = cachedDataVersionTag();

describe("V8's compilers", () => {
  afterEach(releaseCompilers);

  it.each([
    ['interpreted', interpreted],
    ['compiled at once', compiledAtOnce],
  ])('are as they were after what is %s, also when it fails', (_what, run) => {
    let during = before;
    run(() => {
      during = cachedDataVersionTag();
    });
    expect(during).not.toBe(before);
    expect(cachedDataVersionTag()).toBe(before);
    const failing = () => {
      throw new Error('broken');
    };
    expect(() => run(failing)).toThrow('broken');
    expect(cachedDataVersionTag()).toBe(before);
  });

  it('are held until they are released, and what was not held is left alone', () => {
    releaseCompilers();
    expect(cachedDataVersionTag()).toBe(before);
    keepCompiled();
    const kept = cachedDataVersionTag();
    expect(kept).not.toBe(before);
    holdCompilers();
    expect([before, kept]).not.toContain(cachedDataVersionTag());
    releaseCompilers();
    releaseCompilers();
    expect(cachedDataVersionTag()).toBe(before);
  });
});
