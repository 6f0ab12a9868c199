import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schedulePageSchema } from '../../shared/api/functions.ts';
import { acceptedSchema, deadLetterPageSchema, invocationDetailSchema } from '../../shared/api/invocations.ts';
import { deployExample, examplesDirectory } from '../support/deploy-example.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

/** These install packages, so they need the registry that the folder name maps to. */
const registries: Readonly<Record<string, string>> = {
  'hono-app': 'https://registry.npmjs.org/hono',
  markdown: 'https://registry.npmjs.org/marked',
  'asgi-app': 'https://pypi.org/simple/starlette/',
};

const unreachable = new Map<string, string>();
for (const [example, url] of Object.entries(registries)) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    await response.body?.cancel();
    if (!response.ok) unreachable.set(example, `${url} answers ${response.status}`);
  } catch (error) {
    unreachable.set(example, `${url} cannot be reached: ${error instanceof Error ? error.message : String(error)}`);
  }
}
/** Skips with the reason in the test's name, so that the summary says it. */
const needs = (example: string) => {
  const reason = unreachable.get(example);
  return { run: it.skipIf(reason !== undefined), suffix: skippedFor(reason) };
};

let platform: Platform;
const deployed = new Set<string>();
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => await platform.dispose());

async function deploy(example: string): Promise<void> {
  await deployExample(platform, example);
  deployed.add(example);
}
const gateway = async (path: string, init?: RequestInit): Promise<Response> =>
  await fetch(`${platform.gatewayUrl}${path}`, init);

describe('every example does its work', () => {
  it('hello-ts and hello-python', async () => {
    await deploy('hello-ts');
    await deploy('hello-python');
    expect(await (await gateway('/hello?name=Ada')).json()).toEqual({
      message: 'Hello, Ada!',
      from: 'hello version 1',
    });
    expect(await (await gateway('/hello-python')).json()).toEqual({
      message: 'Hello, world!',
      from: 'hello-python version 1',
    });
  });

  const shell = existsSync('/usr/bin/curl') && existsSync('/usr/bin/jq') ? undefined : 'curl or jq is not installed';
  it.skipIf(shell !== undefined)(
    `shell-report: a script that speaks the Lambda Runtime API${skippedFor(shell)}`,
    async () => {
      await deploy('shell-report');
      const count = async (text: string): Promise<unknown> =>
        await (await gateway('/shell-report', { method: 'POST', body: text })).json();
      expect(await count('the cat, and THE dog')).toEqual({
        words: [
          { word: 'the', count: 2 },
          { word: 'and', count: 1 },
          { word: 'cat', count: 1 },
          { word: 'dog', count: 1 },
        ],
      });
      expect(await count('')).toEqual({ words: [] });
    },
  );

  const hono = needs('hono-app');
  hono.run(`hono-app: an unchanged Hono application${hono.suffix}`, async () => {
    await deploy('hono-app');
    expect(await (await gateway('/todo')).json()).toEqual([{ id: 1, title: 'Deploy a function', done: true }]);
    const added = await gateway('/todo', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"title":"Write <tests>"}',
    });
    expect([added.status, added.headers.get('location'), await added.json()]).toEqual([
      201,
      '/todo/2',
      { id: 2, title: 'Write <tests>', done: false },
    ]);
    expect((await gateway('/todo', { method: 'POST', body: '{}' })).status).toBe(422);
    expect(await (await gateway('/todo/2', { method: 'PATCH' })).json()).toMatchObject({ done: true });
    const page = await gateway('/todo/page');
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(await page.text()).toContain('Write &#60;tests&#62;');
    const first = await gateway('/todo');
    const etag = first.headers.get('etag') ?? '';
    expect((await gateway('/todo', { headers: { 'if-none-match': etag } })).status).toBe(304);
  });

  const markdown = needs('markdown');
  markdown.run(`markdown: an npm package${markdown.suffix}`, async () => {
    await deploy('markdown');
    const response = await gateway('/markdown', {
      method: 'POST',
      headers: { 'content-type': 'text/markdown' },
      body: '# Title\n\n- *a*\n',
    });
    expect(await response.text()).toBe('<h1>Title</h1>\n<ul>\n<li><em>a</em></li>\n</ul>\n');
    expect((await gateway('/markdown', { method: 'POST', body: '' })).status).toBe(400);
  });

  const asgi = needs('asgi-app');
  asgi.run(`asgi-app: a Starlette application with a PyPI package${asgi.suffix}`, async () => {
    await deploy('asgi-app');
    expect(await (await gateway('/notes')).json()).toEqual([]);
    const added = await gateway('/notes', { method: 'POST', body: '{"text":"first"}' });
    expect([added.status, await added.json()]).toEqual([201, { id: 1, text: 'first' }]);
    expect(await (await gateway('/notes/1')).json()).toEqual({ id: 1, text: 'first' });
    expect((await gateway('/notes/2')).status).toBe(404);
    expect(await (await gateway('/notes/export')).text()).toBe('1,first\n');
  });

  it('csv-stats: a body of more than 1 MB', async () => {
    await deploy('csv-stats');
    const rows = Array.from({ length: 80_000 }, (_, i) => `${i % 2 === 0 ? 'even' : 'odd'},${i},row ${i}`);
    const body = `kind,value,text\n${rows.join('\n')}\n`;
    expect(body.length).toBeGreaterThan(1_000_000);
    const response = await gateway('/csv-stats?by=kind', {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body,
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      rows: 80_000,
      groups: {
        even: { value: { count: 40_000, sum: 1_599_960_000, mean: 39_999, min: 0, max: 79_998 } },
        odd: { value: { count: 40_000, sum: 1_600_000_000, mean: 40_000, min: 1, max: 79_999 } },
      },
    });
  });

  it('nightly-report: a schedule with a time zone, and run now', async () => {
    await deploy('nightly-report');
    const page = schedulePageSchema.parse(await (await platform.api('GET', '/api/v1/schedules')).json());
    const schedule = page.items.find((item) => item.functionName === 'nightly-report');
    expect(schedule).toMatchObject({ cron: '30 2 * * *', timeZone: 'Europe/Berlin' });
    const berlin = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', hour: '2-digit', minute: '2-digit' });
    for (const tick of schedule?.nextTicks ?? []) expect(berlin.format(new Date(tick))).toMatch(/^0[23]:[03]0$/);
    const ran = await platform.api('POST', `/api/v1/schedules/${schedule?.id}/run`, {});
    expect(ran.status).toBe(202);
    const { id } = acceptedSchema.parse(await ran.json());
    await eventually(async () => {
      const detail = invocationDetailSchema.parse(
        await (await platform.api('GET', `/api/v1/invocations/${id}`)).json(),
      );
      expect([detail.status, detail.trigger]).toEqual(['success', 'schedule']);
      expect(detail.result).toMatchObject({ report: 'usage' });
    });
  });

  it('order-processor: retries, then a dead letter for a bad order', async () => {
    await deploy('order-processor');
    const submit = async (order: object) =>
      acceptedSchema.parse(
        await (await platform.api('POST', '/api/v1/functions/order-processor/invocations?mode=async', order)).json(),
      ).id;
    const busy = await submit({ id: 'a', items: [{ sku: 'x', quantity: 2, priceCents: 150 }], busyAttempts: 2 });
    const bad = await submit({ id: 'b', items: [] });
    await eventually(async () => {
      const detail = invocationDetailSchema.parse(
        await (await platform.api('GET', `/api/v1/invocations/${busy}`)).json(),
      );
      expect(detail).toMatchObject({
        status: 'success',
        attempts: 3,
        result: { orderId: 'a', totalCents: 300, attempts: 3 },
      });
      expect(detail.logs.filter((line) => line.level === 'warn')).toHaveLength(2);
    });
    await eventually(async () => {
      const letters = deadLetterPageSchema.parse(await (await platform.api('GET', '/api/v1/dead-letters')).json());
      expect(letters.items).toMatchObject([
        {
          invocationId: bad,
          attempts: 3,
          error: { type: 'BadOrderError', message: 'order b has no items' },
          payload: { id: 'b', items: [] },
        },
      ]);
    });
  });

  it('streaming: the first line is there before the last is made', async () => {
    await deploy('streaming');
    // Long enough for a client that is busy meanwhile.
    const from = 15;
    const response = await gateway(`/countdown?from=${from}`);
    const parts: string[] = [];
    for await (const chunk of response.body ?? []) parts.push(new TextDecoder().decode(chunk as Uint8Array));
    const lines = [...Array.from({ length: from }, (_, i) => String(from - i)), 'lift-off'];
    expect(parts.join('')).toBe(lines.map((line) => `${line}\n`).join(''));
    expect(parts.length).toBeGreaterThan(1);
  });

  it('batch-prices: calls that arrive together share one look-up', async () => {
    await deploy('batch-prices');
    const answers = await Promise.all(
      Array.from({ length: 24 }, async (_, i) => await gateway(`/prices?fruit=${i === 5 ? 'durian' : 'pear'}`)),
    );
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 24 }, (_, i) => (i === 5 ? 502 : 200)));
    const bodies = (await Promise.all(
      answers.filter((answer) => answer.ok).map(async (answer) => await answer.json()),
    )) as { sharedWith: number; priceCents: number }[];
    expect(new Set(bodies.map((body) => body.priceCents))).toEqual(new Set([55]));
    expect(Math.max(...bodies.map((body) => body.sharedWith))).toBeGreaterThan(1);
  });

  it('none of them is left out here', () => {
    expect(
      readdirSync(examplesDirectory).filter((example) => !deployed.has(example) && !unreachable.has(example)),
    ).toEqual([]);
  });
});
