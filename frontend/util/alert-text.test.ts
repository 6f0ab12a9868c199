import { expect, it } from 'vitest';
import type { AlertRuleDocument } from '../../shared/api/alerts.ts';
import { conditionText, formatAlertValue, parseChannels, stateOf, thresholdOf, typedOf } from './alert-text.ts';

const rule: AlertRuleDocument = {
  id: 'alr_1',
  project: null,
  name: 'orders fail',
  metric: 'errorRate',
  functionName: 'orders',
  comparison: 'above',
  threshold: 0.05,
  windowMs: 300_000,
  forMs: 60_000,
  channels: [],
  isEnabled: true,
  state: 'ok',
  since: null,
  value: null,
  evaluatedAt: null,
  silencedUntil: null,
  createdAt: '2030-01-01T00:00:00.000Z',
  updatedAt: '2030-01-01T00:00:00.000Z',
};

it('says what a rule watches', () => {
  expect(conditionText(rule)).toBe('Error rate of orders above 5 % over 5 min, for 1 min');
  expect(conditionText({ ...rule, functionName: null, forMs: 0 })).toBe(
    'Error rate of all functions above 5 % over 5 min',
  );
  expect(conditionText({ ...rule, project: 'acme', forMs: 0 })).toBe(
    'Error rate of orders in acme above 5 % over 5 min',
  );
  expect(conditionText({ ...rule, project: 'acme', functionName: null, metric: 'deadLetters', threshold: 3 })).toBe(
    'Dead letters of all functions in acme above 3, for 1 min',
  );
  expect(
    conditionText({ ...rule, metric: 'diskFreeBytes', functionName: null, comparison: 'below', threshold: 2 ** 30 }),
  ).toBe('Free disk below 1 GiB, for 1 min');
});

it('takes numbers as people type them', () => {
  expect(thresholdOf('errorRate', 5)).toBeCloseTo(0.05);
  expect(typedOf('errorRate', 0.05)).toBe(5);
  expect(typedOf('diskFreeBytes', thresholdOf('diskFreeBytes', 512))).toBe(512);
  expect(formatAlertValue('p95Ms', 1250)).toBe('1.25 s');
  expect(formatAlertValue('cost', 0.012345)).toBe('0.0123');
  expect(formatAlertValue('memoryRate', 0.9)).toBe('90 %');
  expect(formatAlertValue('hostCpuPercent', null)).toBe('–');
});

it('tells states apart', () => {
  const now = Date.parse('2030-01-01T01:00:00Z');
  expect(stateOf({ ...rule, state: 'firing' }, now)).toEqual({ label: 'firing', tone: 'danger' });
  expect(stateOf({ ...rule, state: 'firing', silencedUntil: '2030-01-01T02:00:00.000Z' }, now).label).toBe(
    'firing, silenced',
  );
  expect(stateOf({ ...rule, silencedUntil: '2030-01-01T00:30:00.000Z' }, now).label).toBe('ok');
  expect(stateOf({ ...rule, isEnabled: false }, now).label).toBe('off');
});

it('reads channels, one on a line', () => {
  expect(parseChannels('https://example.org/a\n\n ops@example.org ,http://b')).toEqual([
    { kind: 'webhook', url: 'https://example.org/a' },
    { kind: 'email', to: 'ops@example.org' },
    { kind: 'webhook', url: 'http://b' },
  ]);
});
