import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isDeadOwner, ownerOf, parseOwner } from './owner.ts';

const directory = mkdtempSync(join(tmpdir(), 'hearth-owner-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const self = ownerOf(directory);
const otherHome = 'another';

describe('isDeadOwner', () => {
  it.each([
    ['itself', self, false],
    ['another driver of this process', { ...self, token: 'b' }, false],
    ['a process that is gone', { ...self, token: 'b', pid: 2 ** 22 + 1, home: otherHome }, true],
    ['a process whose number was used again', { ...self, token: 'b', startTime: '1', home: otherHome }, true],
    ['this directory before a reboot', { ...self, token: 'b', bootId: 'old' }, true],
    ['this directory from an earlier container', { ...self, token: 'b', pidNamespace: 'pid:[1]' }, true],
    ['another machine on the same daemon', { ...self, token: 'b', bootId: 'x', home: otherHome }, false],
    ['another container on the same daemon', { ...self, token: 'b', pidNamespace: 'pid:[1]', home: otherHome }, false],
  ])('%s', (_, record, isDead) => {
    expect(isDeadOwner(record, self)).toBe(isDead);
  });
});

describe('parseOwner', () => {
  it('reads what was written', () => {
    expect(parseOwner(JSON.stringify(self))).toEqual(self);
    expect(ownerOf(directory)).toMatchObject({ home: self.home });
    expect(ownerOf(directory).token).not.toBe(self.token);
  });

  it.each([undefined, '', 'nonsense', 'null', '{}', '{"token":1}'])('takes %j for none', (text) => {
    expect(parseOwner(text)).toBeUndefined();
  });
});
