import { expect, it } from 'vitest';
import { versionText } from './version-text.ts';

it('tells drafts from versions', () => {
  expect([0, 1, 12].map((version) => versionText({ version }))).toEqual(['draft', 'v1', 'v12']);
});
