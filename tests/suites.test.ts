import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { alone, longest } from '../scripts/suites.ts';

const root = join(import.meta.dirname, '..');

// A file that was renamed would run beside others again, and nobody would notice.
it.each([...Object.values(alone).flat(), ...longest])('%s is there', (path) => {
  expect(existsSync(join(root, path))).toBe(true);
});
