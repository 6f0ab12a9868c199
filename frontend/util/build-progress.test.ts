import { expect, test } from 'vitest';
import type { BuildDocument } from '../../shared/api/builds.ts';
import { doingText, failureText, noProgress, problemOf, tookMs, withEvents } from './build-progress.ts';

const at = '2026-11-27T10:00:00.000Z';
const build = (over: Partial<BuildDocument> = {}): BuildDocument => ({
  ...{ id: 'bld_1', functionName: 'one', state: 'building', steps: [], createdAt: at, finishedAt: null },
  ...{ createdBy: 'ada', source: 'dashboard', message: '', version: null, error: null, ...over },
});
const event = (kind: string, data: object, id?: string) => ({ event: kind, data: JSON.stringify(data), id });
const line = (seq: number) => event('line', { seq, step: 'install', at, text: `line ${seq}` }, String(seq));

test('events of a stream add up, and what comes again after a lost connection is there once', () => {
  const first = withEvents(noProgress, [event('build', build()), line(1), line(2)]);
  expect(first).toMatchObject({ build: { state: 'building' }, isOver: false });
  const again = withEvents(first, [event('build', build({ state: 'checking' })), line(2), line(3)]);
  expect(again.lines.map(({ text }) => text)).toEqual(['line 1', 'line 2', 'line 3']);
  const end = withEvents(again, [event('end', build({ state: 'ready', version: 3 }))]);
  expect(end).toMatchObject({ build: { state: 'ready', version: 3 }, isOver: true });
  expect(end.lines).toBe(again.lines);
});

test('a failure is one line, and begins like a sentence unless it names a file', () => {
  expect(failureText('the build failed\nnpm error 404')).toBe('The build failed');
  expect(failureText('index.ts:1:7: no')).toBe('index.ts:1:7: no');
});

test('what it does now is said in words', () => {
  const installing = { name: 'install', startedAt: at, finishedAt: null } as const;
  expect(doingText(undefined)).toBe('Sending');
  expect(doingText(build({ state: 'queued' }))).toBe('Waiting for other builds');
  expect(doingText(build({ steps: [installing] }))).toBe('Installing packages');
  expect(doingText(build({ steps: [{ ...installing, finishedAt: at }] }))).toBe('Starting');
  expect(tookMs(installing, Date.parse(at) + 1500)).toBe(1500);
  expect(tookMs({ ...installing, finishedAt: at }, Date.parse(at) + 1500)).toBe(0);
});

test('a build that failed is the problem that whoever waited would have got', () => {
  const place = { file: 'index.ts', line: 1, column: 2, text: 'no' };
  const error = { status: 422, code: 'build_failed', message: 'no', errors: [], buildErrors: [place] };
  const { lines } = withEvents(noProgress, [line(1)]);
  expect(problemOf(build({ state: 'failed', error }), lines)).toMatchObject({
    ...{ status: 422, code: 'build_failed', detail: 'no', buildErrors: [place], buildLog: ['line 1'] },
  });
  expect(problemOf(build({ state: 'cancelled' }), [])).toMatchObject({ status: 500, detail: 'It ended as cancelled.' });
});
