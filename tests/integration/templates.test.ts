import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { templates } from '../../frontend/forms/templates.ts';
import { buildStale } from '../../scripts/build.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  await buildStale(['guest', 'server']);
  platform = await startPlatform();
});
afterAll(async () => await platform?.dispose());

/** What each template answers to its own first event, as the test panel sends it. */
const answers: Readonly<Record<string, unknown>> = {
  'json-api': /Hello, Ada!/,
  'fetch-app': /"youSent":\{"hello":"world"\}/,
  'python-handler': /"words": ?6/,
  cron: /removedBefore/,
  'async-worker': /"state":"shipped"/,
  markdown: /<h1>Hello<\/h1>\\n<p>This is <em>Hearth<\/em>\.<\/p>/,
  csv: /"mean": 21\.0/,
  streaming: /^5\n4\n3\n2\n1\nlift-off\n$/,
  batch: /"priceCents":40/,
  wasm: /"fib":"12586269025"/,
  custom: /"youSent": ?\{"name":"Ada"\}/,
  'python-asgi': /"method": "POST"/,
};

describe('templates of the dashboard', () => {
  it.each(templates.map((template) => [template.id, template] as const))(
    '%s deploys as it is and answers its first event',
    async (id, template) => {
      const { name, runtime, handler, files, settings } = template;
      const made = await platform.api('POST', '/api/v1/functions', { name, runtime, handler, files, ...settings });
      expect(made.status, await made.clone().text()).toBe(201);
      const path = `/api/v1/functions/${name}/invocations`;
      if (id === 'async-worker') {
        const accepted = await platform.api('POST', `${path}?mode=async`, JSON.parse(template.event));
        const { location } = (await accepted.json()) as { location: string };
        const result = await eventually(async () => {
          const document = (await (await platform.api('GET', location)).json()) as { status: string; result: unknown };
          expect(document.status).toBe('success');
          return JSON.stringify(document.result);
        });
        expect(result).toMatch(answers[id] as RegExp);
        return;
      }
      const answer = await platform.api('POST', path, JSON.parse(template.event));
      const text = await answer.text();
      expect(answer.ok, text).toBe(true);
      expect(text.replaceAll('\\"', '"')).toMatch(answers[id] as RegExp);
    },
  );

  it('there is an expected answer for each', () => {
    expect(templates.map(({ id }) => id).filter((id) => answers[id] === undefined)).toEqual([]);
  });
});
