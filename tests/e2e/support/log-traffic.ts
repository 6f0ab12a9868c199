import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine } from '../../../shared/api/invocations.ts';
import type { Platform } from '../../support/platform.ts';

/** Prints the lines of each call that its address asks for (`?lines=100`), like an application does. */
const printerSource = `export default { fetch(request) {
  const count = Number(new URL(request.url).searchParams.get('lines') ?? 1);
  for (let i = 0; i < count; i++) console.log('order ' + i + ' accepted: 3 items, 42.50 EUR, paid by card, shipped within two days');
  return new Response('ok');
} };`;

/** Deploys the function `printer` that prints as many lines per call as its caller asks for, and calls it once. */
export async function deployPrinter(platform: Platform): Promise<void> {
  const response = await platform.api('POST', '/api/v1/functions', {
    name: 'printer',
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.mjs': printerSource },
  });
  if (!response.ok) throw new Error(`cannot deploy: ${response.status} ${await response.text()}`);
  await printLines(platform, 1);
}

/** Lets the function print `count` lines in one call. */
export async function printLines(platform: Platform, count: number): Promise<void> {
  const response = await fetch(`${platform.gatewayUrl}/printer?lines=${count}`);
  if (response.status !== 200) throw new Error(`the printer answered ${response.status}: ${await response.text()}`);
}

/**
 * Prints in calls of a hundred lines, one after the other and never faster than `perSecond`: a busy machine must not make up for what it is
 * late with, as the platform shows no more than 2,000 lines a second live. Resolves when the last call is answered.
 */
export async function printEvenly(
  platform: Platform,
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
): Promise<void> {
  const linesPerCall = 100;
  let dueAt = performance.now();
  for (let printed = 0; printed < perSecond * seconds; printed += linesPerCall) {
    await sleep(Math.max(0, dueAt - performance.now()));
    dueAt = performance.now() + (linesPerCall * 1000) / perSecond;
    await printLines(platform, linesPerCall);
  }
}

/** Lets the function print `count` lines, and returns them as the platform stored them, oldest first. */
export async function printAndRead(platform: Platform, count: number): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  while (lines.length < count) {
    // Read in between: lines that come faster than they are stored would be left out.
    for (let i = 0; i < 10; i++) await printLines(platform, 1000);
    await readOn(platform, lines);
  }
  return lines.slice(-count);
}

async function readOn(platform: Platform, lines: LogLine[]): Promise<void> {
  for (;;) {
    const from = lines.at(-1) === undefined ? 'since=2020-01-01T00:00:00Z' : `cursor=${lines.at(-1)?.id}`;
    const response = await platform.api('GET', `/api/v1/logs?limit=200&${from}`);
    if (!response.ok) throw new Error(`the list of lines answered ${response.status}`);
    const page = (await response.json()) as { readonly items: readonly LogLine[] };
    if (page.items.length === 0) return;
    lines.push(...page.items);
  }
}
