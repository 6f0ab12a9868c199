import { describe, expect, it } from 'vitest';
import { type LogLine, logLineSchema } from '../../shared/api/invocations.ts';
import { compareIds, LogBuffer } from './log-buffer.ts';

function line(id: string, level: LogLine['level'] = 'info', text = id): LogLine {
  return logLineSchema.parse({
    id,
    at: '2026-11-24T12:00:00Z',
    functionName: 'f',
    version: 1,
    invocationId: null,
    instanceId: null,
    level,
    stream: 'stdout',
    text,
  });
}
const ids = (buffer: LogBuffer) => buffer.snapshot.lines.map((item) => item.id);

describe('LogBuffer', () => {
  it('takes each line once, also when a reconnect sends some again', () => {
    const buffer = new LogBuffer({ capacity: 10 });
    expect(buffer.add([line('1'), line('2')])).toBe(true);
    expect(buffer.add([line('1'), line('2')])).toBe(false);
    buffer.add([line('2'), line('10')]);
    expect(ids(buffer)).toEqual(['1', '2', '10']);
    expect(buffer.lastId).toBe('10');
  });

  it('keeps the newest lines and counts what it let go', () => {
    const buffer = new LogBuffer({ capacity: 3 });
    buffer.add(['1', '2', '3', '4', '5'].map((id) => line(id)));
    expect(ids(buffer)).toEqual(['3', '4', '5']);
    expect(buffer.snapshot.dropped).toBe(2);
  });

  it('takes older lines before the first, as many as there is room for', () => {
    const buffer = new LogBuffer({ capacity: 4 });
    buffer.add([line('5'), line('6')]);
    buffer.addOlder(['1', '2', '3', '4', '5'].map((id) => line(id)));
    expect(ids(buffer)).toEqual(['3', '4', '5', '6']);
    buffer.add([line('7')]);
    expect(ids(buffer)).toEqual(['4', '5', '6', '7']);
    const empty = new LogBuffer({ capacity: 4 });
    empty.addOlder([line('1'), line('2')]);
    empty.add([line('2'), line('3')]);
    expect(ids(empty)).toEqual(['1', '2', '3']);
  });

  it('does not bring cleared lines back', () => {
    const buffer = new LogBuffer({ capacity: 3 });
    buffer.add([line('1')]);
    buffer.clear();
    buffer.add([line('1'), line('2')]);
    expect(ids(buffer)).toEqual(['2']);
  });

  it('makes a new snapshot only when something changed', () => {
    const buffer = new LogBuffer({ capacity: 3 });
    buffer.add([line('1')]);
    const before = buffer.snapshot;
    buffer.add([line('1')]);
    expect(buffer.snapshot).toBe(before);
  });
});

describe('compareIds', () => {
  it('sorts numbers as numbers and padded ids as text', () => {
    expect(['10', '9', '2'].sort(compareIds)).toEqual(['2', '9', '10']);
    expect(['0010', '0009'].sort(compareIds)).toEqual(['0009', '0010']);
    expect(compareIds('a', 'a')).toBe(0);
  });
});
