import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cases } from '../tests/support/fuzz.ts';
import { logTopic, parseTopic } from './topics.ts';

describe('topics', () => {
  test.each([
    ['metrics', { kind: 'metrics', functionName: undefined }],
    ['metrics:hello', { kind: 'metrics', functionName: 'hello' }],
    ['deployments', { kind: 'deployments' }],
    ['alerts', { kind: 'alerts' }],
    ['logs', { kind: 'logs', functionName: undefined, filter: '', tail: 50 }],
    [
      'logs:hello?filter=level%3Aerror+%22a+b%22&tail=0',
      { kind: 'logs', functionName: 'hello', filter: 'level:error "a b"', tail: 0 },
    ],
  ])('%s', (text, topic) => expect(parseTopic(text)).toEqual(topic));

  test.each([
    '',
    'metric',
    'metrics:',
    'metrics?x=1',
    'deployments:hello',
    'alerts?',
    'logs:',
    'logs?tail=201',
    'logs?tail=-1',
    'logs?tail=x',
    'logs?follow=1',
    `logs:${'x'.repeat(10_000)}`,
  ])('%j is none', (text) => expect(parseTopic(text)).toBeUndefined());

  test('says no more than it must', () => {
    expect(logTopic(undefined)).toBe('logs');
    expect(logTopic('hello', { filter: '' })).toBe('logs:hello');
    expect(logTopic('hello', { tail: 0 })).toBe('logs:hello?tail=0');
    expect(logTopic(undefined, { filter: 'a b' })).toBe('logs?filter=a+b');
  });

  test('what is written is read', () => {
    fc.assert(
      fc.property(
        fc.option(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), { nil: undefined }),
        fc.string({ maxLength: 512 }),
        fc.integer({ min: 0, max: 200 }),
        (functionName, filter, tail) => {
          expect(parseTopic(logTopic(functionName, { filter, tail }))).toEqual({
            kind: 'logs',
            functionName,
            filter,
            tail,
          });
        },
      ),
      cases(),
    );
  });
});
