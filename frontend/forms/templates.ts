import type { CreateFunction } from '../../shared/api/functions.ts';

type Settings = Pick<CreateFunction, 'schedules' | 'retry' | 'timeoutMs'>;

export interface Template {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  readonly name: string;
  readonly runtime: 'nodejs' | 'python';
  readonly handler: string;
  readonly files: Readonly<Record<string, string>>;
  readonly settings: Settings;
  /** A first event for the test panel, as JSON text. */
  readonly event: string;
}

const jsonApi = `// A JSON API. Called over HTTP, \`event\` describes the request; called from the test panel, it is the event itself.
interface HttpEvent {
  rawPath?: string;
  queryStringParameters?: Record<string, string>;
  body?: string;
  requestContext?: { http: { method: string } };
}

export async function handler(event: HttpEvent) {
  const name = event.queryStringParameters?.name ?? 'world';
  const method = event.requestContext?.http.method ?? 'none';
  console.log('greeting', name);
  return {
    statusCode: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message: \`Hello, \${name}!\`, method, at: new Date().toISOString() }),
  };
}
`;

const fetchApp = `// A fetch-style app: platform Request in, platform Response out, streaming both ways.
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

const pythonHandler = `"""A Python handler. Return a dict for JSON, or {"statusCode", "headers", "body"} for HTTP."""


def handler(event, context):
    words = str(event.get("text", "the quick brown fox")).split()
    print(f"counting {len(words)} words")
    return {"words": len(words), "longest": max(words, key=len, default="")}
`;

const cronJob = `// Runs on a schedule. \`event\` is the payload of the schedule; a failure is retried and then kept as a dead letter.
export async function handler(event, context) {
  console.log('tick', { attempt: context.attempt, keepDays: event?.keepDays ?? 7 });
  const cutoff = new Date(Date.now() - (event?.keepDays ?? 7) * 86_400_000);
  return { removedBefore: cutoff.toISOString() };
}
`;

const asyncWorker = `// Called asynchronously: the caller gets 202 at once, the event is on disk, and a failure is tried again with growing waits.
export async function handler(event, context) {
  console.log(\`attempt \${context.attempt} for order \${event.order}\`);
  if (event.failUntilAttempt && context.attempt < event.failUntilAttempt) {
    throw new Error('the payment provider is not answering');
  }
  return { order: event.order, state: 'shipped', attempts: context.attempt };
}
`;

const empty: Settings = {};

/** Starting points for a new function; each one runs as it is. */
export const templates: readonly Template[] = [
  {
    id: 'json-api',
    title: 'HTTP JSON API',
    summary: 'TypeScript. Reads the query, answers JSON.',
    name: 'hello-api',
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.ts': jsonApi },
    settings: empty,
    event: '{\n  "queryStringParameters": { "name": "Ada" }\n}',
  },
  {
    id: 'fetch-app',
    title: 'Fetch app',
    summary: 'JavaScript. Request in, Response out, like a Worker.',
    name: 'fetch-app',
    runtime: 'nodejs',
    handler: 'index.default',
    files: { 'index.mjs': fetchApp },
    settings: empty,
    event: '{\n  "hello": "world"\n}',
  },
  {
    id: 'python-handler',
    title: 'Python handler',
    summary: 'A plain function: event in, dict out.',
    name: 'word-count',
    runtime: 'python',
    handler: 'main.handler',
    files: { 'main.py': pythonHandler },
    settings: empty,
    event: '{\n  "text": "to be or not to be"\n}',
  },
  {
    id: 'cron',
    title: 'Scheduled clean-up',
    summary: 'JavaScript. Runs every five minutes.',
    name: 'clean-up',
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.mjs': cronJob },
    settings: {
      schedules: [{ name: 'every-five-minutes', cron: '*/5 * * * *', timeZone: 'UTC', payload: { keepDays: 7 } }],
    },
    event: '{\n  "keepDays": 7\n}',
  },
  {
    id: 'async-worker',
    title: 'Async worker with retries',
    summary: 'JavaScript. Queued calls, five attempts, dead letters.',
    name: 'order-worker',
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.mjs': asyncWorker },
    settings: { retry: { maxAttempts: 5, maxAgeMs: 3_600_000, minBackoffMs: 1000, maxBackoffMs: 60_000 } },
    event: '{\n  "order": 1042,\n  "failUntilAttempt": 3\n}',
  },
];

const fallback = templates[0];

export function templateOf(id: string): Template {
  const found = templates.find((template) => template.id === id) ?? fallback;
  if (found === undefined) throw new Error('there is no template');
  return found;
}
