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
