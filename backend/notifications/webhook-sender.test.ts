import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../shared/ids.ts';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import { WebhookSender } from './webhook-sender.ts';

interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

describe('WebhookSender', () => {
  let server: ReturnType<typeof createServer>;
  let url: string;
  let seen: Seen[];
  let answer: { status: number; headers?: Record<string, string>; body?: string };
  beforeEach(async () => {
    seen = [];
    answer = { status: 204 };
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        seen.push({ headers: request.headers, body });
        response.writeHead(answer.status, answer.headers).end(answer.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://localhost:${(server.address() as AddressInfo).port}/hook`;
  });
  afterEach(() => server.close());

  const message = {
    id: newId('alertDelivery'),
    ruleId: newId('alertRule'),
    subject: 's',
    text: 't',
    body: '{"a":"ü"}',
  };
  const now = Date.UTC(2030, 0, 1);
  const sender = (allowsPrivate = true) =>
    new WebhookSender({
      masterKey: Buffer.alloc(32, 7),
      allowsPrivate,
      timeoutMs: 5_000,
      userAgent: 'Hearth/1',
      clock: new ManualClock(now),
    });
  const send = (to = url, allowsPrivate = true) =>
    sender(allowsPrivate).send(to, message, new AbortController().signal);

  it('signs what it sends so that a receiver with the secret of the rule can check it', async () => {
    await send();
    const [{ headers, body } = { headers: {}, body: '' }] = seen;
    expect(body).toBe(message.body);
    expect(headers['webhook-id']).toBe(message.id);
    expect(headers['webhook-timestamp']).toBe(String(now / 1000));
    // As the receiver of Standard Webhooks does it.
    const key = Buffer.from(sender().signingSecret(message.ruleId).replace('whsec_', ''), 'base64');
    const expected = createHmac('sha256', key)
      .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
      .digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${expected}`);
    expect(sender().signingSecret(newId('alertRule'))).not.toBe(sender().signingSecret(message.ruleId));
  });

  it('tells what may be tried again from what may not', async () => {
    answer = { status: 500, body: 'out of order' };
    await expect(send()).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'the webhook answered 500: out of order',
    });
    answer = { status: 410 };
    await expect(send()).rejects.toMatchObject({ kind: 'unprocessable', code: 'webhook_refused' });
    answer = { status: 302, headers: { location: 'http://169.254.169.254/' } };
    await expect(send()).rejects.toMatchObject({ kind: 'unprocessable' });
    expect(seen).toHaveLength(3);
    server.closeAllConnections();
    server.close();
    await expect(send()).rejects.toMatchObject({ kind: 'unavailable', code: 'webhook_failed' });
  });

  it('reaches nothing private unless it may, by name or by address, however that is written', async () => {
    const { port } = server.address() as AddressInfo;
    for (const host of [
      'localhost',
      '127.0.0.1',
      '127.1',
      '2130706433',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '169.254.169.254',
    ]) {
      await expect(send(`http://${host}:${port}/hook`, false), host).rejects.toMatchObject({
        kind: 'unprocessable',
        message: expect.stringContaining('HEARTH_WEBHOOK_PRIVATE'),
      });
    }
    expect(seen).toEqual([]);
  });
});
