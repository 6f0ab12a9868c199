import type { Platform } from '../../tests/support/platform.ts';

/** Deploys inline JavaScript; rejects with the platform's own words. */
export async function deploy(platform: Platform, name: string, source: string, config: object = {}): Promise<void> {
  const response = await platform.api('POST', '/api/v1/functions', {
    name,
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.mjs': source },
    ...config,
  });
  if (!response.ok) throw new Error(`cannot deploy ${name}: ${response.status} ${await response.text()}`);
}

/** Parses and re-serialises, like the baselines. */
export const echoSource = `export async function handler(event) {
  return JSON.parse(event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : event.body);
}`;

/** About 1 KB of JSON. */
export const oneKilobyte = JSON.stringify({
  id: 4711,
  name: 'a typical small document',
  tags: ['alpha', 'beta', 'gamma', 'delta'],
  nested: { values: Array.from({ length: 60 }, (_, i) => i * 17), text: 'x'.repeat(600) },
});
