import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cases } from '../../../tests/support/fuzz.ts';
import { cursorKeyOf, parseCursor } from './cursor.ts';

describe('cursors', () => {
  test('name positions by topic', () => {
    const [metrics, logs] = [cursorKeyOf('metrics'), cursorKeyOf('logs:hello')];
    const cursor = parseCursor(`00ff~${metrics}=12~${logs}=0000000000000345`);
    expect(cursor?.epoch).toBe('00ff');
    expect([...(cursor?.positions ?? [])]).toEqual([
      [metrics, '12'],
      [logs, '0000000000000345'],
    ]);
    expect(parseCursor('00ff')?.positions.size).toBe(0);
  });

  test('what is none is as none', () => {
    for (const text of ['', 'x', '1~', '1~a=1', '1~aaaaaaaa=', '1~aaaaaaaa=-1', '1~aaaaaaaa=1~'])
      expect(parseCursor(text), text).toBeUndefined();
    expect(parseCursor(undefined)).toBeUndefined();
    expect(parseCursor(`1${'~aaaaaaaa=1'.repeat(200)}`)).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => void parseCursor(text)),
      cases(),
    );
  });
});
