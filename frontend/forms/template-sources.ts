/** The code of the templates. Each one needs nothing but its runtime, so that it also deploys where no registry can be reached. */
export const jsonApi = `// A JSON API. Called over HTTP, \`event\` describes the request; called from the test panel, it is the event itself.
interface HttpEvent {
  rawPath?: string;
  queryStringParameters?: Record<string, string>;
  body?: string;
  requestContext?: { http: { method: string } };
  name?: string;
}

export async function handler(event: HttpEvent) {
  const name = event.queryStringParameters?.name ?? event.name ?? 'world';
  const method = event.requestContext?.http.method ?? 'none';
  console.log('greeting', name);
  return {
    statusCode: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message: \`Hello, \${name}!\`, method, at: new Date().toISOString() }),
  };
}
`;

export const fetchApp = `// A fetch-style app: platform Request in, platform Response out, streaming both ways.
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (request.method === 'POST') {
      const body = await request.json();
      return Response.json({ youSent: body }, { status: 201 });
    }
    ctx.waitUntil(Promise.resolve().then(() => console.log('served', url.pathname)));
    return new Response(\`Hello from \${url.pathname}\\n\`, { headers: { 'content-type': 'text/plain' } });
  },
};
`;

export const pythonHandler = `"""A Python handler. Return a dict for JSON, or {"statusCode", "headers", "body"} for HTTP."""


def handler(event, context):
    words = str(event.get("text", "the quick brown fox")).split()
    print(f"counting {len(words)} words")
    return {"words": len(words), "longest": max(words, key=len, default="")}
`;

export const cronJob = `// Runs on a schedule. \`event\` is the payload of the schedule; a failure is retried and then kept as a dead letter.
export async function handler(event, context) {
  console.log('tick', { attempt: context.attempt, keepDays: event?.keepDays ?? 7 });
  const cutoff = new Date(Date.now() - (event?.keepDays ?? 7) * 86_400_000);
  return { removedBefore: cutoff.toISOString() };
}
`;

export const asyncWorker = `// Called asynchronously: the caller gets 202 at once, the event is on disk, and a failure is tried again with growing waits.
export async function handler(event, context) {
  console.log(\`attempt \${context.attempt} for order \${event.order}\`);
  if (event.failUntilAttempt && context.attempt < event.failUntilAttempt) {
    throw new Error('the payment provider is not answering');
  }
  return { order: event.order, state: 'shipped', attempts: context.attempt };
}
`;

export const markdownPage = `// Turns Markdown into HTML: headings, lists, emphasis, code and links. POST some text; what is dangerous is escaped.
interface HttpEvent {
  body?: string;
  isBase64Encoded?: boolean;
  markdown?: string;
}

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

function inline(text: string): string {
  return escape(text)
    .replace(/\`([^\`]+)\`/g, '<code>$1</code>')
    .replace(/\\*\\*([^*]+)\\*\\*/g, '<strong>$1</strong>')
    .replace(/\\*([^*]+)\\*/g, '<em>$1</em>')
    .replace(/\\[([^\\]]+)\\]\\((https?:[^)\\s]+)\\)/g, '<a href="$2">$1</a>');
}

function block(text: string): string {
  const heading = /^(#{1,6}) +(.*)$/.exec(text);
  if (heading) return \`<h\${heading[1].length}>\${inline(heading[2])}</h\${heading[1].length}>\`;
  if (/^[-*] /.test(text)) {
    const items = text.split('\\n').map((line) => \`<li>\${inline(line.replace(/^[-*] /, ''))}</li>\`);
    return \`<ul>\${items.join('')}</ul>\`;
  }
  return \`<p>\${inline(text)}</p>\`;
}

export async function handler(event: HttpEvent) {
  const body = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString() : event.body;
  const source = (event.markdown ?? body ?? '').trim();
  if (source === '') return { statusCode: 400, headers: { 'content-type': 'text/plain' }, body: 'POST some Markdown\\n' };
  const html = source.split(/\\n{2,}/).map(block).join('\\n');
  console.log('rendered', source.length, 'characters');
  return { statusCode: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: html };
}
`;

export const csvStats = `"""Sums up the numeric columns of a CSV. POST it, or send {"csv": "..."} from the test panel."""

import base64
import csv
import io
import json


def handler(event, context):
    text = event.get("csv") or event.get("body") or ""
    if event.get("isBase64Encoded"):
        text = base64.b64decode(text).decode("utf-8-sig")
    reader = csv.DictReader(io.StringIO(text))
    if not reader.fieldnames:
        return {"statusCode": 400, "body": "POST a CSV with a header line"}
    columns = {}
    rows = 0
    for row in reader:
        rows += 1
        for name, value in row.items():
            try:
                number = float(value)
            except (TypeError, ValueError):
                continue
            count, total, low, high = columns.get(name, (0, 0.0, number, number))
            columns[name] = (count + 1, total + number, min(low, number), max(high, number))
    print(f"{rows} rows, {len(columns)} numeric columns")
    body = {
        name: {"count": count, "mean": total / count, "min": low, "max": high}
        for name, (count, total, low, high) in columns.items()
    }
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
`;

export const streamingAnswer = `// Streams its answer as it is made: the client sees each line when it is written.
import { setTimeout as sleep } from 'node:timers/promises';

export default {
  async fetch(request) {
    const from = Math.min(Number(new URL(request.url).searchParams.get('from') ?? 5) || 5, 50);
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      async start(controller) {
        // A client that leaves ends the call.
        for (let left = from; left > 0 && !request.signal.aborted; left--) {
          controller.enqueue(encoder.encode(\`\${left}\\n\`));
          await sleep(100);
        }
        controller.enqueue(encoder.encode('lift-off\\n'));
        controller.close();
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/plain; charset=utf-8' } });
  },
};
`;

export const batchHandler = `// Calls that arrive together run as one batch: one expensive look-up for all, an answer or an error for each, in order.
const cents = { apple: 40, pear: 55, plum: 15 };

export async function handleBatch(events) {
  console.log('a batch of', events.length);
  return events.map((event) => {
    const fruit = event?.queryStringParameters?.fruit ?? event?.fruit;
    const priceCents = cents[fruit];
    return priceCents === undefined
      ? new RangeError(\`no price for \${fruit}\`)
      : { fruit, priceCents, sharedWith: events.length };
  });
}
`;

export const wasmModule = `// WebAssembly: compiled once when the instance starts, called as often as it lives. Put your own module in as base64.
// This one exports fib(n), in the text format: (func (export "fib") (param i32) (result i64) ...)
const bytes = Buffer.from(
  'AGFzbQEAAAABBgFgAX8BfgMCAQAHBwEDZmliAAAKLwEtAQN+QgEhAgJAA0AgAEUNASABIAJ8IQMgAiEBIAMhAiAAQQFrIQAMAAsLIAEL',
  'base64',
);
let fib;

export async function init() {
  const { instance } = await WebAssembly.instantiate(bytes);
  fib = instance.exports.fib;
}

export async function handler(event) {
  const n = Math.min(Math.max(Number(event?.queryStringParameters?.n ?? event?.n ?? 30) || 0, 0), 90);
  return { n, fib: fib(n).toString() };
}
`;

export const asgiApp = `"""A bare ASGI application. Starlette, FastAPI or Django work the same: name them in requirements.txt."""

import json


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await send({"type": "lifespan.shutdown.complete"})
                return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    print(scope["method"], scope["path"])
    answer = json.dumps({"path": scope["path"], "method": scope["method"], "bytes": len(body)}).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
`;

export const customRuntime = `#!/bin/sh
# Any executable that speaks the AWS Lambda Runtime API: Go, Rust, C, a script. This one needs sh and curl.
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"

while :; do
  # Waits until there is an invocation.
  curl -sS --fail -D /tmp/head -o /tmp/event "$api/next"
  id=$(sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *\\([^[:space:]]*\\).*/\\1/p' /tmp/head)
  echo "an event of $(wc -c </tmp/event) bytes"
  printf '{"youSent": %s}' "$(cat /tmp/event)" >/tmp/answer
  curl -sS --fail -o /dev/null --data-binary @/tmp/answer "$api/$id/response"
done
`;
