import { describe, expect, it } from 'vitest';
import { codeDraft, dropCodeDraft, keepCodeDraft } from './code-drafts.ts';

function memory() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
}
const draft = { version: 3, files: { 'index.mjs': 'export {}' } };

describe('code drafts', () => {
  it('are kept per function until they are dropped', () => {
    const storage = memory();
    expect(keepCodeDraft(storage, 'fn_1', draft)).toBe(true);
    expect(codeDraft(storage, 'fn_1')).toEqual(draft);
    expect(codeDraft(storage, 'fn_2')).toBeUndefined();
    dropCodeDraft(storage, 'fn_1');
    expect(codeDraft(storage, 'fn_1')).toBeUndefined();
  });

  it.each(['{broken', '[]', '{"version":"1","files":{}}', '{"version":1,"files":[]}', '{"version":1,"files":{"a":1}}'])(
    'are none where the storage holds %s',
    (text) => {
      expect(codeDraft({ getItem: () => text }, 'fn_1')).toBeUndefined();
    },
  );

  it('are not kept half: what is too large for this browser replaces nothing', () => {
    const storage = memory();
    keepCodeDraft(storage, 'fn_1', draft);
    expect(keepCodeDraft(storage, 'fn_1', { version: 3, files: { a: 'x'.repeat(2_000_000) } })).toBe(false);
    expect(codeDraft(storage, 'fn_1')).toBeUndefined();
    const full = {
      ...memory(),
      setItem: () => {
        throw new Error('full');
      },
    };
    expect(keepCodeDraft(full, 'fn_1', draft)).toBe(false);
  });
});
