import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

const settings = pathToFileURL(`${import.meta.dirname}/collector-settings.ts`).href;
/** A tag of V8's version and of all flags that are set. */
const tagOf = (options: readonly string[], before = ''): string =>
  execFileSync(
    process.execPath,
    [
      ...options,
      '--input-type=module',
      '-e',
      `${before} console.log((await import('node:v8')).cachedDataVersionTag())`,
    ],
    { encoding: 'utf8' },
  ).trim();

it('are those that V8 would have from its command line', () => {
  const set = tagOf([], `(await import('${settings}')).makeFullCollectionsRare();`);
  expect(set).toBe(tagOf(['--no-allocation-site-pretenuring', '--heap-growing-percent=100']));
  expect(set).not.toBe(tagOf([]));
});
