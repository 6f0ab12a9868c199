/** An event to begin with, in the shape in which functions receive it. */
export interface EventTemplate {
  readonly id: string;
  readonly title: string;
  /** What it stands for, and what to know about it. */
  readonly note: string;
  /** JSON text. */
  readonly event: string;
}

interface HttpCall {
  readonly method: string;
  readonly path: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const host = 'hearth.example.com';
const clientAddress = '203.0.113.7';
const at = Date.UTC(2026, 0, 15, 9, 30);

/** What a handler gets for a request to the gateway: the event of a Lambda function URL, payload format 2.0. */
function httpEventText(functionName: string, { method, path, query = '', headers, body }: HttpCall): string {
  const userAgent = headers?.['user-agent'] ?? 'Mozilla/5.0';
  const event = {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: {
      accept: '*/*',
      'user-agent': userAgent,
      ...headers,
      host,
      'x-forwarded-for': clientAddress,
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
    },
    ...(query === '' ? {} : { queryStringParameters: Object.fromEntries(new URLSearchParams(query)) }),
    requestContext: {
      accountId: 'anonymous',
      apiId: functionName,
      domainName: host,
      domainPrefix: 'hearth',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: clientAddress, userAgent },
      requestId: 'inv_01kf0000000000000000000000',
      routeKey: '$default',
      stage: '$default',
      time: '15/Jan/2026:09:30:00 +0000',
      timeEpoch: at,
    },
    ...(body === undefined ? {} : { body }),
    isBase64Encoded: false,
  };
  return JSON.stringify(event, null, 2);
}

const gateway = 'What a handler gets for such a request to the gateway. A fetch handler gets it as the body of a POST.';

/** The kinds of events that functions receive, with the function's own name in them. */
export function eventTemplates(functionName: string): readonly EventTemplate[] {
  const http = (call: HttpCall) => httpEventText(functionName, { ...call, path: `/${functionName}${call.path}` });
  return [
    {
      id: 'http-get',
      title: 'HTTP GET with a query',
      note: gateway,
      event: http({ method: 'GET', path: '', query: 'name=Ada&limit=10' }),
    },
    {
      id: 'http-post-json',
      title: 'HTTP POST with JSON',
      note: `${gateway} The body is text, which the handler parses.`,
      event: http({
        method: 'POST',
        path: '',
        headers: { 'content-type': 'application/json' },
        body: '{"name":"Ada","quantity":2}',
      }),
    },
    {
      id: 'http-form',
      title: 'HTTP POST of a form',
      note: `${gateway} The body is text, as the browser encoded it.`,
      event: http({
        method: 'POST',
        path: '',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'name=Ada+Lovelace&email=ada%40example.com',
      }),
    },
    {
      id: 'webhook',
      title: 'Webhook',
      note: `${gateway} The signature is made up: a handler that checks it refuses the event.`,
      event: http({
        method: 'POST',
        path: '/webhook',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'Example-Hooks/1.0',
          'x-hook-event': 'order.created',
          'x-hook-delivery': '3f1c2b6e-0f5d-4c61-9a0e-2f3b7d1c9e55',
          'x-hook-signature-256': 'sha256=0000000000000000000000000000000000000000000000000000000000000000',
        },
        body: '{"type":"order.created","data":{"order":1042,"total":"19.90","currency":"EUR"}}',
      }),
    },
    {
      id: 'schedule',
      title: 'Scheduled event',
      note: 'A schedule calls with its payload as it is, nothing around it; null when it has none.',
      event: '{\n  "keepDays": 7\n}',
    },
    {
      id: 'queue',
      title: 'Queue message',
      note: 'A queued call carries its message as it is; the attempt is in the context. “Queue it” runs it that way.',
      event: '{\n  "order": 1042,\n  "items": [{ "sku": "A-1", "quantity": 2 }]\n}',
    },
  ];
}
