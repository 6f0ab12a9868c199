import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IsolationLevel } from '../../shared/version-config.ts';
import { deployExample, examplesDirectory } from './deploy-example.ts';
import { type Platform, startPlatform, untilHealthy } from './platform.ts';
import { skippedFor } from './skip-reason.ts';

const csv = `kind,value\n${Array.from({ length: 80_000 }, (_, i) => `${i % 2 === 0 ? 'even' : 'odd'},${i},`).join('\n')}\n`;

/** A request, or a few that follow one another, for each example. */
interface Step {
  readonly path: string;
  readonly method?: string;
  readonly body?: string;
  readonly contentType?: string;
  /** Straight to the function, past the gateway. */
  readonly isInvocation?: boolean;
}
const steps: Readonly<Record<string, readonly Step[]>> = {
  'hello-ts': [{ path: '/hello?name=Ada' }],
  'hello-python': [{ path: '/hello-python?name=%C3%84da' }],
  'hono-app': [
    { path: '/todo' },
    { path: '/todo', method: 'POST', body: '{"title":"Write <tests>"}', contentType: 'application/json' },
    { path: '/todo', method: 'POST', body: '{}', contentType: 'application/json' },
    { path: '/todo/page' },
  ],
  markdown: [
    { path: '/markdown', method: 'POST', body: '# Title\n\n- *a*\n', contentType: 'text/markdown' },
    { path: '/markdown', method: 'POST', body: '' },
  ],
  'asgi-app': [
    { path: '/notes', method: 'POST', body: '{"text":"first"}' },
    { path: '/notes/1' },
    { path: '/notes/2' },
    { path: '/notes/export' },
  ],
  'csv-stats': [{ path: '/csv-stats?by=kind', method: 'POST', body: csv, contentType: 'text/csv' }],
  'nightly-report': [{ path: 'nightly-report', body: '{"report":"usage"}', isInvocation: true }],
  'order-processor': [
    {
      path: 'order-processor',
      body: '{"id":"a","items":[{"sku":"x","quantity":2,"priceCents":150}]}',
      isInvocation: true,
    },
    { path: 'order-processor', body: '{"id":"b","items":[]}', isInvocation: true },
  ],
  'shell-report': [{ path: '/shell-report', method: 'POST', body: 'to be or not to be', contentType: 'text/plain' }],
  streaming: [{ path: '/countdown?from=3' }],
  'batch-prices': [{ path: '/prices?fruit=pear' }, { path: '/prices?fruit=durian' }],
};
/** Each lasts as long as the function may take. */
const mostTries = 4;
/** These install packages; where the registry cannot be reached they cannot be deployed anywhere. */
const needsRegistry: readonly string[] = ['hono-app', 'markdown', 'asgi-app'];

const offline = await fetch('https://registry.npmjs.org/hono', { signal: AbortSignal.timeout(20_000) }).then(
  (response) => (response.ok ? undefined : `the npm registry answers ${response.status}`),
  () => 'the npm registry cannot be reached',
);

/**
 * Deploys every example twice, to a platform whose level is `process` and to one with this level, and compares what they answer. `environment` is for the
 * second; called after `beforeAll` has begun. `reason` says why it cannot be done here, `refused` which examples the level refuses, and with what words.
 */
export function describeExamples(
  level: IsolationLevel,
  reason: string | undefined,
  environment: () => Readonly<Record<string, string>>,
  refused: Readonly<Record<string, string>> = {},
): void {
  describe.skipIf(reason !== undefined)(`every example at level ${level}${skippedFor(reason)}`, () => {
    let platforms: { readonly process: Platform; readonly other: Platform };
    beforeAll(async () => {
      const [inProcess, other] = await Promise.all(
        [{ HEARTH_ISOLATION: 'process' }, { HEARTH_ISOLATION: level, ...environment() }].map((settings) =>
          startPlatform({ environment: { HEARTH_PREWARM: '0', ...settings } }),
        ),
      );
      if (inProcess === undefined || other === undefined) throw new Error('a platform did not start');
      platforms = { process: inProcess, other };
      await untilHealthy(other, level);
    });
    afterAll(async () => {
      await Promise.all([platforms.process.dispose(), platforms.other.dispose()]);
    });

    /** A guest that boots longer than its function may take is waited for: what is compared is what it answers then. */
    async function answer(platform: Platform, step: Step): Promise<unknown> {
      for (let tries = 1; ; tries++) {
        const answered = await answerOnce(platform, step);
        if (tries === mostTries || !(answered.status === 503 && answered.body.includes('"no_capacity"')))
          return answered;
      }
    }

    async function answerOnce(platform: Platform, step: Step) {
      const headers = { ...(step.contentType === undefined ? {} : { 'content-type': step.contentType }) };
      const url = `${platform.gatewayUrl}${step.path}`;
      const response = step.isInvocation
        ? await platform.api('POST', `/api/v1/functions/${step.path}/invocations`, JSON.parse(step.body ?? 'null'))
        : await fetch(url, {
            method: step.method ?? 'GET',
            headers,
            ...(step.body === undefined ? {} : { body: step.body }),
          });
      const bytes = Buffer.from(await response.arrayBuffer());
      return {
        status: response.status,
        contentType: response.headers.get('content-type'),
        body: mask(bytes.toString('latin1')),
      };
    }

    it.for(Object.keys(steps))('%s: the same bytes as in a process', async (example, context) => {
      context.skip(offline !== undefined && needsRegistry.includes(example), offline);
      const { process: inProcess, other } = platforms;
      const why = refused[example];
      if (why !== undefined) {
        await expect(deployExample(other, example)).rejects.toThrow(why);
        return;
      }
      await Promise.all([deployExample(inProcess, example), deployExample(other, example)]);
      for (const step of steps[example] ?? []) {
        const [wanted, got] = await Promise.all([answer(inProcess, step), answer(other, step)]);
        expect(got).toEqual(wanted);
      }
      const listed = (await (await other.api('GET', '/api/v1/functions?limit=200')).json()) as {
        items: { isolation: string }[];
      };
      expect(new Set(listed.items.map((item) => item.isolation))).toEqual(new Set([level]));
    });

    it('leaves no example out', () => {
      expect(Object.keys(steps).sort()).toEqual(readdirSync(examplesDirectory).sort());
    });
  });
}

/** What differs from call to call wherever it runs: the time, ids, and the host's own port. */
function mask(body: string): string {
  return body
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/\b(inv|req)_[0-9a-z]{26}\b/g, '<id>')
    .replaceAll(/127\.0\.0\.1:\d+/g, '<host>');
}
