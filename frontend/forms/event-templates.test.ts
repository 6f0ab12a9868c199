import { describe, expect, it } from 'vitest';
import { httpEvent } from '../../backend/execution-engine/runtimes/nodejs/guest/http-event.ts';
import { eventTemplates } from './event-templates.ts';

const templates = eventTemplates('shop').map((template) => ({ ...template, value: JSON.parse(template.event) }));

describe('eventTemplates', () => {
  const overHttp = templates.filter(({ value }) => 'requestContext' in value);

  it('are of every kind, each once, and say what they stand for', () => {
    expect(templates.map(({ id }) => id)).toEqual([
      'http-get',
      'http-post-json',
      'http-form',
      'webhook',
      'schedule',
      'queue',
    ]);
    expect(overHttp).toHaveLength(4);
    for (const { note } of templates) expect(note).toMatch(/\.$/);
  });

  it.each(overHttp)('$id is what a handler gets for that request', ({ value }) => {
    const { rawPath, rawQueryString, requestContext, body = '' } = value;
    const { requestId, http, timeEpoch } = requestContext;
    const headers = Object.entries(value.headers as Record<string, string>).flat();
    const meta = {
      kind: 'http' as const,
      invocationId: requestId,
      deadlineMs: timeEpoch + 1000,
      attempt: 1,
      trigger: 'http' as const,
      depth: 0,
      method: http.method,
      target: rawQueryString === '' ? rawPath : `${rawPath}?${rawQueryString}`,
      headers,
      clientAddress: http.sourceIp,
      scheme: 'https',
      host: requestContext.domainName,
      params: {},
    };
    expect(value).toEqual(httpEvent(meta, Buffer.from(body), 'shop', timeEpoch));
  });
});
