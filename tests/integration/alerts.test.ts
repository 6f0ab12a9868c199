import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertDeliverySchema, alertRuleSchema, signingSecretSchema } from '../../shared/api/alerts.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

interface Hook {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** A real platform, a real receiver of webhooks, a real SMTP server. */
describe('alerts', () => {
  const hooks: Hook[] = [];
  const mails: string[] = [];
  let isAway = false;
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      if (!isAway) hooks.push({ headers: request.headers, body });
      response.writeHead(isAway ? 503 : 204).end();
    });
  });
  const mailServer = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData: (stream, _session, done) => {
      let mail = '';
      stream.on('data', (chunk: Buffer) => {
        mail += chunk.toString();
      });
      stream.on('end', () => {
        mails.push(mail);
        done();
      });
    },
  });
  let platform: Platform;
  let environment: Record<string, string>;
  let hookUrl: string;

  beforeAll(async () => {
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => mailServer.listen(0, '127.0.0.1', () => resolve()));
    hookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const smtpPort = (mailServer.server.address() as AddressInfo).port;
    environment = {
      HEARTH_WEBHOOK_PRIVATE: 'true',
      HEARTH_SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
      HEARTH_SMTP_FROM: 'hearth@example.org',
    };
    platform = await startPlatform({ environment });
  });
  afterAll(async () => {
    await platform?.dispose();
    receiver.closeAllConnections();
    receiver.close();
    await new Promise<void>((resolve) => mailServer.close(() => resolve()));
  });

  const post = async (path: string, body: object, status: number): Promise<unknown> => {
    const response = await platform.api('POST', `/api/v1${path}`, body);
    expect(response.status, await response.clone().text()).toBe(status);
    return await response.json();
  };
  const ruleOf = async (id: string) =>
    alertRuleSchema.parse(await (await platform.api('GET', `/api/v1/alerts/${id}`)).json());

  it('tells a webhook, signed, and an address when a function fails; also after a SIGKILL in between', async () => {
    const source = "export const handler = async () => { throw new Error('no'); };";
    await post('/functions', { name: 'failing', runtime: 'nodejs', files: { 'index.mjs': source } }, 201);
    const input = {
      name: 'Failing fails',
      metric: 'errorRate',
      functionName: 'failing',
      threshold: 0.5,
      windowMs: 600_000,
      channels: [
        { kind: 'webhook', url: hookUrl },
        { kind: 'email', to: 'ops@example.org' },
      ],
    };
    const rule = alertRuleSchema.parse(await post('/alerts', input, 201));
    expect(rule.state).toBe('ok');
    isAway = true;
    expect((await fetch(`${platform.gatewayUrl}/failing`)).status).toBe(502);
    // The mail is out, the webhook was tried and waits for its next try.
    await eventually(() => expect(mails).toHaveLength(1), 60_000);
    const deliveries = async () => {
      const { items } = (await (await platform.api('GET', `/api/v1/alerts/${rule.id}/deliveries`)).json()) as {
        items: unknown[];
      };
      return items.map((item) => alertDeliverySchema.parse(item));
    };
    await eventually(async () => {
      const waiting = (await deliveries()).find(({ channel }) => channel.kind === 'webhook');
      expect(waiting).toMatchObject({ state: 'waiting', lastError: 'the webhook answered 503' });
    });
    await platform.kill();
    isAway = false;
    platform = await startPlatform({ dataDirectory: platform.dataDirectory, environment });
    await eventually(() => expect(hooks).toHaveLength(1), 60_000);
    expect((await ruleOf(rule.id)).state).toBe('firing');

    const [{ headers, body } = { headers: {}, body: '' }] = hooks;
    expect(JSON.parse(body)).toMatchObject({
      type: 'alert.firing',
      data: { rule: { id: rule.id }, value: 1, text: 'Failing fails: error rate of failing is 100 %, above 50 %' },
    });
    const { secret } = signingSecretSchema.parse(
      await (await platform.api('GET', `/api/v1/alerts/${rule.id}/signing-secret`)).json(),
    );
    const signature = createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
      .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
      .digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signature}`);
    expect(mails[0]).toContain('To: ops@example.org');
    expect(mails[0]).toContain('Failing fails: error rate of failing is 100 %');
  });

  it('sends a trial message on demand, also during a silence', async () => {
    hooks.length = 0;
    const channels = [{ kind: 'webhook', url: hookUrl }];
    const rule = alertRuleSchema.parse(
      await post(
        '/alerts',
        { name: 'Disk', metric: 'diskFreeBytes', comparison: 'below', threshold: 1, channels },
        201,
      ),
    );
    const silenced = alertRuleSchema.parse(await post(`/alerts/${rule.id}/silence`, { durationMs: 60_000 }, 200));
    expect(silenced.silencedUntil).not.toBeNull();
    await post(`/alerts/${rule.id}/test`, {}, 202);
    await eventually(() => expect(hooks).toHaveLength(1));
    expect(JSON.parse(hooks[0]?.body ?? '')).toMatchObject({ type: 'alert.test' });
    expect((await platform.api('DELETE', `/api/v1/alerts/${rule.id}`)).status).toBe(204);
    expect((await platform.api('GET', `/api/v1/alerts/${rule.id}`)).status).toBe(404);
  });

  it('refuses what cannot work, and says why', async () => {
    const problem = async (body: object, status: number) =>
      await post('/alerts', { name: 'x', threshold: 1, ...body }, status);
    expect(await problem({ metric: 'p95Ms', functionName: 'nobody' }, 404)).toMatchObject({
      code: 'function_not_found',
    });
    expect(await problem({ metric: 'queueDepth', functionName: 'failing' }, 400)).toMatchObject({
      errors: [{ path: 'functionName', message: 'this metric is about the platform; leave functionName out' }],
    });
    const ftp = { metric: 'p95Ms', channels: [{ kind: 'webhook', url: 'ftp://x' }] };
    expect(await problem(ftp, 400)).toMatchObject({ code: 'invalid_input' });
  });
});
