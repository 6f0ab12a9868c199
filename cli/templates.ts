/** A starting point for `hearth init`: files and the manifest without the name. */
export interface Template {
  readonly name: string;
  readonly description: string;
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly files: Readonly<Record<string, string>>;
}

const http = `/** A request over HTTP has the name in its query; \`hearth invoke\` may give it as the event. */
interface HelloEvent {
  readonly queryStringParameters?: Readonly<Record<string, string>>;
  readonly name?: string;
}

export async function handler(event: HelloEvent | null) {
  const name = event?.queryStringParameters?.['name'] ?? event?.name ?? 'world';
  console.log(\`greeting \${name}\`);
  return { message: \`Hello, \${name}!\` };
}
`;
const fetchApp = `export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    return Response.json({ path: pathname, method: request.method });
  },
};
`;
const python = `def handler(event, context):
    event = event or {}
    # A request over HTTP has the name in its query; \`hearth invoke\` may give it as the event.
    name = (event.get("queryStringParameters") or event).get("name", "world")
    print(f"greeting {name}")
    return {"message": f"Hello, {name}!"}
`;
const cron = `export async function handler(event, context) {
  console.log(\`tick, attempt \${context.attempt}\`);
  return { ranAt: new Date().toISOString() };
}
`;
const queue = `export async function handler(order, context) {
  if (!order?.id) throw new Error('the order has no id');
  console.log(\`order \${order.id}, attempt \${context.attempt}\`);
  return { orderId: order.id, done: true };
}
`;

const custom = `#!/bin/sh
# Speaks the AWS Lambda Runtime API; replace it with any executable that does (Go, Rust, C, ...), built for Linux.
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  curl -sS --fail -D /tmp/head -o /tmp/event "$api/next"
  id=$(sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *\\([^[:space:]]*\\).*/\\1/p' /tmp/head)
  echo "invocation $id"
  curl -sS --fail -o /dev/null --data-binary '{"message":"Hello from a shell script!"}' "$api/$id/response"
done
`;

export const templates: readonly Template[] = [
  {
    name: 'ts-http',
    description: 'TypeScript, answers HTTP with JSON',
    manifest: { runtime: 'nodejs', handler: 'index.handler' },
    files: { 'index.ts': http },
  },
  {
    name: 'js-fetch',
    description: 'JavaScript, Request in, Response out',
    manifest: { runtime: 'nodejs', handler: 'index.default' },
    files: { 'index.mjs': fetchApp },
  },
  {
    name: 'python',
    description: 'Python, answers HTTP with JSON',
    manifest: { runtime: 'python', handler: 'main.handler' },
    files: { 'main.py': python },
  },
  {
    name: 'custom',
    description: 'an executable `bootstrap` in any language',
    manifest: { runtime: 'custom' },
    files: { bootstrap: custom },
  },
  {
    name: 'cron',
    description: 'JavaScript, runs on a schedule',
    manifest: { runtime: 'nodejs', handler: 'index.handler', schedules: [{ name: 'hourly', cron: '0 * * * *' }] },
    files: { 'index.mjs': cron },
  },
  {
    name: 'queue',
    description: 'JavaScript, asynchronous with retries and dead letters',
    manifest: {
      runtime: 'nodejs',
      handler: 'index.handler',
      retry: { maxAttempts: 5, maxAgeMs: 3_600_000, minBackoffMs: 1000, maxBackoffMs: 60_000 },
    },
    files: { 'index.mjs': queue },
  },
];
