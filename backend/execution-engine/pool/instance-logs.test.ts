import { describe, expect, it } from 'vitest';
import { newId } from '../../../shared/ids.ts';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { versionOf } from '../../../tests/fakes/pool-rig.ts';
import type { LogEntry } from '../../core/ports/log-sink.ts';
import { InstanceLogs } from './instance-logs.ts';

function rig() {
  const clock = new ManualClock();
  const lines: LogEntry[] = [];
  const logs = new InstanceLogs({
    sink: { append: (entry) => void lines.push(entry), flush: () => Promise.resolve() },
    clock,
    version: versionOf(),
    instanceId: newId('instance'),
    maxBytesPerInvocation: 100,
    redact: (text, isCut) => text.replaceAll('hunter2', isCut ? '[cut]' : '[gone]'),
  });
  const raw = (text: string, stream: 'stdout' | 'stderr' = 'stdout') => ({ stream, text, atMs: 0, truncated: false });
  return { clock, lines, logs, raw };
}

describe('InstanceLogs', () => {
  it('bounds raw output per invocation, saying so once, and starts afresh with the next', () => {
    const { lines, logs, raw } = rig();
    const [first, second] = [newId('invocation'), newId('invocation')];
    for (let i = 0; i < 50; i++) logs.appendRaw(raw('123456789'), first);
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toMatchObject({ stream: 'platform', level: 'warn', invocationId: first });
    logs.appendRaw(raw('next', 'stderr'), second);
    expect(lines.at(-1)).toMatchObject({ text: 'next', level: 'error', invocationId: second });
  });

  it('bounds what belongs to no invocation per window of time', () => {
    const { clock, lines, logs, raw } = rig();
    for (let i = 0; i < 50; i++) logs.appendRaw(raw('123456789'), undefined);
    expect(lines).toHaveLength(11);
    clock.advance(10_001);
    logs.appendRaw(raw('later'), undefined);
    expect(lines.at(-1)).toMatchObject({ text: 'later', invocationId: undefined });
  });

  it('marks what was cut', () => {
    const { lines, logs, raw } = rig();
    logs.append({ invocationId: undefined, level: 'debug', stream: 'stdout', text: 'long', isTruncated: true });
    logs.appendRaw({ ...raw('raw'), truncated: true }, undefined);
    expect(lines.map(({ text }) => text)).toEqual(['long [cut]', 'raw [cut]']);
  });
});

it('takes secrets out of what agents, processes and the platform itself write', () => {
  const { lines, logs, raw } = rig();
  logs.append({ invocationId: undefined, level: 'info', stream: 'stdout', text: 'a hunter2', isTruncated: true });
  logs.appendRaw(raw('b hunter2'), undefined);
  logs.note('egress to hunter2.example:443 was refused');
  expect(lines.map(({ text }) => text)).toEqual([
    'a [cut] [cut]',
    'b [gone]',
    'egress to [gone].example:443 was refused',
  ]);
});
