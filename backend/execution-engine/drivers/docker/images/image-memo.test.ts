import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ImageMemo } from './image-memo.ts';

const directory = mkdtempSync(join(tmpdir(), 'hearth-memo-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('remembers through restarts, the newest', () => {
  const path = join(directory, 'docker/images.json');
  const memo = new ImageMemo(path);
  expect(memo.find('a')).toBeUndefined();
  for (let i = 0; i < 40; i++) memo.remember(`key-${i}`, `hearth/nodejs:${i}`);
  const again = new ImageMemo(path);
  expect(again.find('key-39')).toBe('hearth/nodejs:39');
  expect(again.find('key-0')).toBeUndefined();
  again.forget('key-39');
  expect(memo.find('key-39')).toBeUndefined();
});

it.each(['{', 'null', '[1,["a"],["a",1]]'])('takes a spoiled file (%s) for empty', (text) => {
  const path = join(directory, 'spoiled.json');
  writeFileSync(path, text);
  const memo = new ImageMemo(path);
  expect(memo.find('a')).toBeUndefined();
  memo.remember('a', 'b');
  expect(memo.find('a')).toBe('b');
});
