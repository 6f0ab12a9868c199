import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ environment: { HEARTH_PREWARM: '0' } });
});
afterAll(async () => await platform?.dispose());

const nodeSource = `export const handler = async (event) => {
  const { headers = {}, many = 0, cookies } = JSON.parse(event.body);
  for (let i = 0; i < many; i++) headers['x-' + i] = 'v';
  return { statusCode: 200, headers, body: 'fine', cookies };
};`;
const pythonSource = `import json
def handler(event, context):
    asked = json.loads(event["body"])
    headers = asked.get("headers", {})
    for i in range(asked.get("many", 0)):
        headers["x-%d" % i] = "v"
    return {"statusCode": 200, "headers": headers, "body": "fine", "cookies": asked.get("cookies", [])}
`;

/** The answer as it is on the wire. */
async function ask(name: string, asked: object): Promise<string> {
  const { hostname, port } = new URL(platform.gatewayUrl);
  const body = JSON.stringify(asked);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(
    `POST /${name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return await text(socket);
}

describe.each([
  ['nodejs', { 'index.mjs': nodeSource }],
  ['python', { 'main.py': pythonSource }],
])('response headers of %s functions', (runtime, files) => {
  const name = `heads-${runtime}`;
  beforeAll(async () => {
    const deployed = await platform.api('POST', '/api/v1/functions', { name, runtime, files, isolation: 'process' });
    expect(deployed.status, await deployed.text()).toBe(201);
  });

  it.each([
    ['that break the line', { headers: { 'x-one': 'a\r\nx-two: b' } }],
    ['with a bare line feed', { headers: { 'x-one': 'a\nx-two: b' } }],
    ['with a zero', { headers: { 'x-one': 'a\0' } }],
    ['whose name is none', { headers: { 'x one': 'a' } }],
    ['whose name breaks the line', { headers: { 'x-one: a\r\nx-two': 'b' } }],
    ['of which there are ten thousand', { many: 10_000 }],
    ['that are too long together', { headers: { 'x-one': 'a'.repeat(20_000) } }],
    ['that lie about the length', { headers: { 'content-length': '4, 5' } }],
  ])('%s are answered with 502, and nothing of them', async (_what, asked) => {
    const answer = await ask(name, asked);
    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer.toLowerCase()).not.toContain('x-two');
    expect(answer).not.toContain('fine');
    // The next call is answered as always.
    expect(await ask(name, {})).toMatch(/^HTTP\/1\.1 200 (.|\r\n)*fine$/);
  });

  it('that belong to the connection or to the platform are left out, and cookies go through', async () => {
    const headers = {
      connection: 'x-secret, keep-alive',
      'keep-alive': 'timeout=1',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      'proxy-authenticate': 'Basic',
      trailer: 'x',
      'hearth-invocation-id': 'forged',
      'x-mine': 'yes',
    };
    const answer = await ask(name, { headers, cookies: ['a=1; Path=/', 'b=2'] });
    const head = answer.slice(0, answer.indexOf('\r\n\r\n')).toLowerCase();
    expect(head).toMatch(/^http\/1\.1 200 /);
    for (const gone of ['x-secret', 'timeout=1', 'h2c', 'basic', 'forged', 'chunked']) expect(head).not.toContain(gone);
    expect(head).toContain('x-mine: yes');
    expect(head).toContain('set-cookie: a=1; path=/');
    expect(head).toContain('set-cookie: b=2');
    expect(answer.endsWith('fine')).toBe(true);
  });
});
