import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { agentRigs, httpRequest, type NodejsAgentRig } from '../support/nodejs-agent-rig.ts';

afterEach(() => agentRigs.closeAll());

async function failing(files: Readonly<Record<string, string>>, init: Parameters<NodejsAgentRig['init']>[0] = {}) {
  const rig = await agentRigs.start(files);
  return rig.init(init).then(
    () => undefined,
    (error: unknown) => error,
  );
}
const textOf = (answer: { readonly body: Buffer }) => answer.body.toString();
const errorOf = (answer: { readonly result: { readonly outcome: unknown } }) => answer.result.outcome;

describe('loading', () => {
  it('runs an ES module with top-level await and init, with its environment and directory', async () => {
    const rig = await agentRigs.start({
      'index.mjs': `import { readFileSync } from 'node:fs';
        const greeting = await Promise.resolve('hi');
        let ready = 0;
        export async function init() { await new Promise((done) => setTimeout(done, 20)); ready++; }
        export const handler = () => ({ greeting, ready, env: { ...process.env }, file: readFileSync('note.txt', 'utf8'), argv: process.argv.slice(1), execArgv: process.execArgv });`,
      'note.txt': 'a note',
    });
    const ready = await rig.init({ env: { COLOUR: 'grün' } });
    expect(ready).toMatchObject({ style: 'event', handlesBatch: false });
    expect(ready.initMs).toBeGreaterThan(10);
    const result = (await rig.event(null)) as Record<string, unknown>;
    expect(result).toMatchObject({
      greeting: 'hi',
      ready: 1,
      file: 'a note',
      argv: [`${rig.directory}/index.mjs`],
      execArgv: [],
    });
    expect(result['env']).toMatchObject({
      COLOUR: 'grün',
      AWS_LAMBDA_FUNCTION_NAME: 'echo',
      _HANDLER: 'index.handler',
    });
    expect(Object.keys(result['env'] as object).filter((name) => name.startsWith('HEARTH_'))).toEqual([]);
  });

  it.each([
    ['CommonJS exports', { 'index.cjs': 'exports.handler = async (e) => e.n + 1;' }, 'index.handler'],
    ['CommonJS in .js', { 'index.js': 'module.exports = { handler: (e) => e.n + 1 };' }, 'index.handler'],
    ['TypeScript', { 'index.ts': 'export const handler = (e: { n: number }): number => e.n + 1;' }, 'index.handler'],
    ['a folder and another name', { 'src/app.mjs': 'export const run = (e) => e.n + 1;' }, 'src/app.run'],
    ['a nested export', { 'app.mjs': 'export const api = { v1: { run: (e) => e.n + 1 } };' }, 'app.api.v1.run'],
    ['a default object', { 'index.mjs': 'export default { handler: (e) => e.n + 1 };' }, 'index.handler'],
    [
      'a callback',
      { 'index.cjs': 'exports.handler = (e, ctx, done) => { setTimeout(() => done(null, e.n + 1), 5); };' },
      'index.handler',
    ],
  ])('loads %s', async (_name, files, handler) => {
    const rig = await agentRigs.started(files, { handler });
    expect(await rig.event({ n: 41 })).toBe(42);
  });

  it('says what is missing and what is there', async () => {
    expect(await failing({ 'index.mjs': 'export const b = 1; export function a() {}' })).toMatchObject({
      code: 'init_failed',
      detail: { type: 'HandlerNotFound', message: 'module index.mjs has no export handler; it exports a, b' },
    });
    expect(await failing({ 'other.mjs': '' })).toMatchObject({
      message: expect.stringContaining('none of index.js, index.mjs, index.cjs'),
    });
    expect(await failing({ 'index.mjs': 'export const handler = 7;' })).toMatchObject({
      message: expect.stringContaining('handler of module index.mjs is a number; it must be a function'),
    });
    expect(await failing({ 'index.mjs': 'export const x = ;' })).toMatchObject({ detail: { type: 'SyntaxError' } });
    expect(await failing({ 'index.mjs': "import 'nowhere';" })).toMatchObject({
      detail: { message: expect.stringContaining("Cannot find package 'nowhere'") },
    });
  });

  it('reports what init or the module throws, with the stack in user terms', async () => {
    const error = await failing(
      { 'src/index.mjs': 'function boom() { throw new TypeError("at start"); }\nboom();' },
      { handler: 'src/index.handler' },
    );
    expect(error).toMatchObject({ code: 'init_failed', detail: { type: 'TypeError', message: 'at start' } });
    const { stack } = (error as { detail: { stack: string } }).detail;
    expect(stack).toContain('at boom (src/index.mjs:1:');
    expect(stack).not.toMatch(/agent\.cjs|node:internal|hearth-agent-/);
    expect(
      await failing({
        'index.mjs': 'export const init = async () => { throw "text"; }; export const handler = () => 1;',
      }),
    ).toMatchObject({ detail: { type: 'string', message: 'text' } });
  });

  it('waits at the top of a module or of what it imports, and runs neither twice', async () => {
    const rig = await agentRigs.started({
      'index.mjs': `import { two } from './lib/dep.mjs';
        globalThis.runs = (globalThis.runs ?? 0) + 1;
        const one = await Promise.resolve(1);
        export default { fetch: async () => Response.json([one, two, globalThis.runs]) };`,
      'lib/dep.mjs': `globalThis.runs = (globalThis.runs ?? 0) + 10; export const two = await new Promise((resolve) => setTimeout(resolve, 5, 2));`,
    });
    expect(textOf(await rig.invoke({ request: httpRequest() }))).toBe('[1,2,11]');
  });

  it('reports an exit and a time limit during start', async () => {
    expect(await failing({ 'index.mjs': 'process.exit(3)' })).toMatchObject({ code: 'exited' });
    expect(await failing({ 'index.mjs': 'for (;;);' }, { initTimeoutMs: 300 })).toMatchObject({ code: 'init_timeout' });
  });
});

describe('event handlers', () => {
  it('gets the event and a context with both sets of names', async () => {
    const rig = await agentRigs.started(
      `export const handler = (event, context) => ({ event, context, left: context.getRemainingTimeInMillis(), aborted: context.signal.aborted });`,
    );
    const answer = await rig.invoke({
      request: { kind: 'event', body: Buffer.from('{"a":[1,"ü"]}') },
      timeoutMs: 5000,
    });
    const { event, context, left, aborted } = JSON.parse(textOf(answer));
    expect(event).toEqual({ a: [1, 'ü'] });
    expect(context).toMatchObject({
      invocationId: answer.id,
      awsRequestId: answer.id,
      functionName: 'echo',
      functionVersion: '3',
      memoryLimitMb: 128,
      memoryLimitInMB: '128',
      attempt: 1,
    });
    // The trace of the caller, with the span of this invocation as the parent of what the function does.
    expect(context.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
    expect(left).toBeGreaterThan(1000);
    expect(left).toBeLessThanOrEqual(5000);
    expect(aborted).toBe(false);
    expect(answer.head).toEqual({ status: 200, headers: ['content-type', 'application/json'], isEventResult: true });
    expect(answer.result.peakMemoryBytes).toBeGreaterThan(10_000_000);
  });

  it('turns what JSON can say into JSON and names what it cannot', async () => {
    const rig = await agentRigs.started(`const values = {
      nothing: undefined, nil: null, nan: NaN, fn: () => 1, symbol: Symbol('x'), text: 'ü', date: new Date(0), map: new Map([[1, 2]]),
      get big() { return 10n; }, get cycle() { const a = {}; a.a = a; return a; },
      get getter() { return { get x() { throw new Error('getter'); } }; }, get json() { return { toJSON() { throw new Error('toJSON'); } }; },
      get proxy() { return new Proxy({}, { ownKeys() { throw new Error('proxy'); } }); } };
      export const handler = (name) => values[name];`);
    for (const name of ['nothing', 'nil', 'nan', 'fn', 'symbol']) expect(await rig.event(name)).toBe(null);
    expect(await rig.event('text')).toBe('ü');
    expect(await rig.event('date')).toBe('1970-01-01T00:00:00.000Z');
    for (const [name, why] of Object.entries({
      big: 'BigInt',
      cycle: 'circular',
      getter: 'getter',
      json: 'toJSON',
      proxy: 'proxy',
    })) {
      await expect(rig.event(name)).rejects.toMatchObject({
        kind: 'function-error',
        type: 'InvalidResult',
        message: expect.stringContaining(why),
      });
    }
    expect(await rig.event('text')).toBe('ü');
  });

  it('reports whatever is thrown and goes on', async () => {
    const rig = await agentRigs.started(`class Odd extends Error { get name() { return 'Odd'; } }
      const thrown = { error: () => new RangeError('no'), odd: () => new Odd('odd'), text: () => 'text', nothing: () => undefined, object: () => ({ a: 1 }),
        cause: () => new Error('outer', { cause: new Error('inner') }), evil: () => new Proxy(new Error('x'), { get() { throw new Error('trap'); } }),
        unreadable: () => Object.defineProperty(new Error('m'), 'stack', { get() { throw 1; } }), number: () => 7 };
      export const handler = async (name) => { await null; throw thrown[name](); };`);
    const outcome = async (name: string) =>
      errorOf(await rig.invoke({ request: { kind: 'event', body: Buffer.from(JSON.stringify(name)) } }));
    const error = (await outcome('error')) as { stack: string };
    expect(error).toMatchObject({ kind: 'function-error', type: 'RangeError', message: 'no' });
    expect(error.stack).toMatch(/^RangeError: no\n {4}at Object\.error \(index\.mjs:2:/);
    expect(error.stack).not.toMatch(/agent\.cjs|hearth-agent-|node:internal/);
    expect(await outcome('odd')).toMatchObject({ type: 'Odd' });
    expect(await outcome('text')).toMatchObject({ type: 'string', message: 'text' });
    expect(await outcome('nothing')).toMatchObject({ type: 'undefined' });
    expect(await outcome('object')).toMatchObject({ type: 'object', message: '{ a: 1 }' });
    expect(await outcome('number')).toMatchObject({ type: 'number', message: '7' });
    expect((await outcome('cause')) as object).toMatchObject({
      stack: expect.stringContaining('[cause]: Error: inner'),
    });
    expect(await outcome('evil')).toMatchObject({ kind: 'function-error' });
    expect(await outcome('unreadable')).toMatchObject({ kind: 'function-error' });
    expect(rig.connection.state).toBe('ready');
  });

  it('shows stacks in the words of the source when the bundle has source maps', async () => {
    const { transform } = await import('esbuild');
    const source =
      'interface A { a: number }\n\nexport function handler(e: A): number {\n  throw new Error("mapped" + e.a);\n}\n';
    const { code } = await transform(source, {
      loader: 'ts',
      sourcemap: 'inline',
      sourcefile: 'index.ts',
      minifyWhitespace: true,
    });
    const rig = await agentRigs.started(code);
    const { stack } = errorOf(await rig.invoke()) as { stack: string };
    expect(stack).toContain('index.ts:4:');
  });

  it('maps HTTP events and results like a function URL', async () => {
    const rig =
      await agentRigs.started(`export const handler = (event) => event.rawPath === '/plain' ? event.queryStringParameters.as === 'text' ? 'hello' : { plain: true }
      : { statusCode: 201, headers: { 'X-One': 1, 'X-Two': ['a', 'b'] }, cookies: ['s=1; HttpOnly', 't=2'], body: JSON.stringify(event) };`);
    const answer = await rig.invoke({ request: httpRequest({ params: { id: '7' } }) });
    expect(answer.head).toEqual({
      status: 201,
      headers: [
        'X-One',
        '1',
        'X-Two',
        'a',
        'X-Two',
        'b',
        'set-cookie',
        's=1; HttpOnly',
        'set-cookie',
        't=2',
        'content-type',
        'application/json',
      ],
      isEventResult: false,
    });
    expect(JSON.parse(textOf(answer))).toMatchObject({
      version: '2.0',
      rawPath: '/a/b',
      rawQueryString: 'x=1&x=2&y=%20z',
      queryStringParameters: { x: '1,2', y: ' z' },
      pathParameters: { id: '7' },
      cookies: ['c=1', 'd=2'],
      headers: { 'x-a': '1,2', host: 'fn.test:8080', 'x-forwarded-for': '10.0.0.9', 'x-forwarded-port': '8080' },
      requestContext: { http: { method: 'POST', path: '/a/b', sourceIp: '10.0.0.9' }, requestId: answer.id },
      body: '{"n":1}',
      isBase64Encoded: false,
    });
    const plain = await rig.invoke({ request: httpRequest({ target: '/plain?as=json' }) });
    expect([textOf(plain), plain.head?.headers]).toEqual(['{"plain":true}', ['content-type', 'application/json']]);
    expect(textOf(await rig.invoke({ request: httpRequest({ target: '/plain?as=text' }) }))).toBe('hello');
  });

  it('passes binary bodies both ways and reads bodies that stream in', async () => {
    const rig = await agentRigs.started(
      `export const handler = (event) => ({ statusCode: 200, headers: { 'content-type': 'image/png' }, body: event.body, isBase64Encoded: event.isBase64Encoded });`,
    );
    const bytes = Buffer.from([0, 255, 1, 254, 13, 10]);
    const headers = ['content-type', 'image/png'];
    expect((await rig.invoke({ request: httpRequest({ headers, body: bytes }) })).body).toEqual(bytes);
    const large = Buffer.alloc(3_000_000, 7);
    const answer = await rig.invoke({ request: httpRequest({ headers, body: Readable.from(pieces(large, 50_000)) }) });
    expect(answer.body.equals(large)).toBe(true);
    expect(answer.result).toMatchObject({ requestBytes: 3_000_000, responseBytes: 3_000_000 });
  });

  it('says which header or status cannot be sent', async () => {
    const rig = await agentRigs.started(`export const handler = (event) => JSON.parse(event.body);`);
    const outcome = async (result: object) =>
      errorOf(await rig.invoke({ request: httpRequest({ body: Buffer.from(JSON.stringify(result)) }) }));
    expect(await outcome({ statusCode: 200, headers: { 'x-a': 'a\r\nb' } })).toMatchObject({
      kind: 'function-error',
      type: 'InvalidResponse',
      message: expect.stringContaining('x-a'),
    });
    expect(await outcome({ statusCode: 99 })).toMatchObject({ message: expect.stringContaining('the status 99') });
    expect(await outcome({ statusCode: 200, headers: { 'bad name': 'x' } })).toMatchObject({ type: 'InvalidResponse' });
    expect(await outcome({ statusCode: '204' })).toEqual({ kind: 'success' });
    expect(await outcome({ statusCode: 200, headers: 'a: b' })).toMatchObject({ type: 'InvalidResponse' });
    expect(await outcome({ statusCode: 200, headers: ['a'] })).toMatchObject({ type: 'InvalidResponse' });
    expect(await outcome({ statusCode: 200, cookies: 'a=1' })).toMatchObject({
      message: 'cookies is of type string; it must be an array',
    });
    expect(await outcome({ statusCode: 200, headers: [['x-a', 'b']] })).toEqual({ kind: 'success' });
  });

  it('notices a response that is too large before sending it', async () => {
    const rig = await agentRigs.started(`export const handler = (n) => 'x'.repeat(n);`, { maxResponseBytes: 1000 });
    const options = { maxResponseBytes: 1000, request: { kind: 'event', body: Buffer.from('2000000') } as const };
    const answer = await rig.invoke(options);
    expect(answer.result.outcome).toMatchObject({ kind: 'function-fault', fault: 'response-too-large' });
    expect(answer.head).toBeUndefined();
    expect(answer.result.responseBytes).toBe(0);
    await expect.poll(() => rig.connection.outstanding).toBe(0);
    expect(await rig.event(10, { maxResponseBytes: 1000 })).toBe('xxxxxxxxxx');
  });

  it('streams what iterates, and Responses', async () => {
    const rig = await agentRigs.started(`export const handler = (kind) => ({
      text: () => (async function* () { yield 'a'; await new Promise((d) => setTimeout(d, 5)); yield 'b'; })(),
      lines: () => (async function* () { yield { n: 1 }; yield { n: 2 }; })(),
      web: () => new ReadableStream({ start(c) { c.enqueue(new Uint8Array([1, 2])); c.close(); } }),
      response: () => new Response('made', { status: 202, headers: { 'x-y': 'z' } }),
      empty: () => (async function* () {})(),
      fails: () => (async function* () { yield 'a'; await null; throw new Error('half way'); })(),
    })[kind]();`);
    const run = (kind: string) => rig.invoke({ request: { kind: 'event', body: Buffer.from(JSON.stringify(kind)) } });
    const text = await run('text');
    expect([textOf(text), text.head?.headers]).toEqual(['ab', ['content-type', 'text/plain; charset=utf-8']]);
    expect(textOf(await run('lines'))).toBe('{"n":1}\n{"n":2}\n');
    expect((await run('web')).body).toEqual(Buffer.from([1, 2]));
    const response = await run('response');
    expect(response.head).toMatchObject({
      status: 202,
      headers: ['content-type', 'text/plain;charset=UTF-8', 'x-y', 'z'],
    });
    expect((await run('empty')).result.outcome.kind).toBe('success');
    expect(errorOf(await run('fails'))).toMatchObject({ kind: 'function-error', message: 'half way' });
  });
});

describe('fetch handlers', () => {
  const echo = `export default { async fetch(request, env, ctx) {
    const body = await request.text();
    return Response.json({ method: request.method, url: request.url, a: request.headers.get('x-a'), body, colour: env.COLOUR, name: ctx.functionName }, { headers: { 'set-cookie': 'a=1' } }); } };`;

  it('serves real Requests and Responses', async () => {
    const rig = await agentRigs.started(echo, { env: { COLOUR: 'red' } });
    const answer = await rig.invoke({ request: httpRequest() });
    expect(answer.head).toMatchObject({
      status: 200,
      headers: ['content-type', 'application/json', 'set-cookie', 'a=1'],
    });
    expect(JSON.parse(textOf(answer))).toEqual({
      method: 'POST',
      url: 'http://fn.test:8080/a/b?x=1&x=2&y=%20z',
      a: '1, 2',
      body: '{"n":1}',
      colour: 'red',
      name: 'echo',
    });
    expect(await rig.event({ n: 5 })).toMatchObject({ method: 'POST', url: 'http://localhost/', body: '{"n":5}' });
  });

  it('takes a default function and exports named after methods', async () => {
    const fn = await agentRigs.started('export default (request) => new Response(request.method);');
    expect(textOf(await fn.invoke({ request: httpRequest({ method: 'PUT' }) }))).toBe('PUT');
    const methods = await agentRigs.started(
      'export const GET = () => new Response("got"); export async function POST(r) { return new Response(await r.text(), { status: 201 }); }',
    );
    expect(textOf(await methods.invoke({ request: httpRequest({ method: 'GET', body: Buffer.alloc(0) }) }))).toBe(
      'got',
    );
    expect((await methods.invoke({ request: httpRequest() })).head?.status).toBe(201);
    const refused = await methods.invoke({ request: httpRequest({ method: 'DELETE' }) });
    expect([refused.head?.status, refused.head?.headers[1]]).toEqual([405, 'GET, POST']);
    const head = await methods.invoke({ request: httpRequest({ method: 'HEAD', body: Buffer.alloc(0) }) });
    expect([head.head?.status, head.body.length]).toEqual([200, 0]);
  });

  it('says when it returns something else', async () => {
    const rig = await agentRigs.started('export default () => ({ not: "a response" });');
    expect(errorOf(await rig.invoke({ request: httpRequest() }))).toMatchObject({
      type: 'InvalidResponse',
      message: 'a fetch handler must return a Response; it returned object',
    });
  });

  it('delivers the response at once and stays busy until waitUntil settles', async () => {
    const rig = await agentRigs.started(`export default (request, env, ctx) => {
      ctx.waitUntil(new Promise((done) => setTimeout(() => { console.log('background done'); done(); }, 150)));
      ctx.waitUntil(Promise.reject(new Error('background failed')));
      return new Response('now'); };`);
    const settled = rig.settled();
    const answer = await rig.invoke({ request: httpRequest() });
    expect(textOf(answer)).toBe('now');
    expect([rig.connection.outstanding, rig.connection.inFlight]).toEqual([1, 0]);
    await settled;
    expect(rig.connection.outstanding).toBe(0);
    expect(rig.logs.map((line) => [line.invocationId === answer.id, line.level, line.text.split('\n')[0]])).toEqual([
      [true, 'error', 'waitUntil: Error: background failed'],
      [true, 'info', 'background done'],
    ]);
  });

  it('streams 20 MiB through with a slow consumer, in bounded memory', async () => {
    const rig = await agentRigs.started(`export default (request) => new Response(request.body);`);
    const total = 20 * 1024 * 1024;
    const source = Readable.from(pieces(Buffer.alloc(total, 'x'), 65_536));
    let held = 0;
    let most = 0;
    const answer = await rig.invoke({
      request: httpRequest({ body: source }),
      keepBody: false,
      chunk: (data) => {
        held += data.length;
        most = Math.max(most, held);
        return new Promise((resolve) =>
          setTimeout(() => {
            held -= data.length;
            resolve();
          }, 2),
        );
      },
    });
    expect(answer.result).toMatchObject({ outcome: { kind: 'success' }, requestBytes: total, responseBytes: total });
    expect(most).toBeLessThanOrEqual(1_048_576 + 262_144);
    expect(answer.result.peakMemoryBytes).toBeLessThan(200 * 1024 * 1024);
  });

  it('fires Request.signal when the caller disconnects, and ends the call', async () => {
    const rig =
      await agentRigs.started(`export default (request) => new Promise((resolve) => { console.log('started'); request.signal.addEventListener('abort', () => {
      console.log('aborted', request.signal.reason.name); resolve(new Response('late')); }); });`);
    const abort = new AbortController();
    const running = rig.invoke({ request: httpRequest(), signal: abort.signal });
    await expect.poll(() => rig.logs.length).toBe(1);
    const settled = rig.settled();
    abort.abort();
    expect((await running).result.outcome.kind).toBe('cancelled');
    await settled;
    expect(rig.logs.map((line) => line.text)).toEqual(['started', 'aborted AbortError']);
    expect(rig.connection.state).toBe('ready');
  });

  it('stops an endless stream when the caller disconnects', async () => {
    const rig = await agentRigs.started(
      `export default () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(100000)); }, cancel(why) { console.log('cancelled', why.name); } }));`,
    );
    const abort = new AbortController();
    const begun = Promise.withResolvers<void>();
    const { call } = rig.call({
      request: httpRequest({ method: 'GET', body: Buffer.alloc(0) }),
      signal: abort.signal,
      keepBody: false,
      chunk: () => {
        begun.resolve();
        return new Promise(() => undefined);
      },
    });
    const running = rig.connection.invoke(call);
    // One that is cancelled before it began does not begin.
    await begun.promise;
    abort.abort();
    expect((await running).responseBytes).toBeLessThanOrEqual(1_048_576);
    await expect.poll(() => rig.connection.outstanding).toBe(0);
    expect(rig.logs.map((line) => line.text)).toEqual(['cancelled AbortError']);
  });
});

function* pieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('cancellation', () => {
  it('does not begin what was cancelled before it arrived', async () => {
    const rig = await agentRigs.started('export const handler = () => { console.log("ran"); };');
    const abort = new AbortController();
    const running = rig.invoke({ signal: abort.signal });
    abort.abort();
    expect((await running).result.outcome.kind).toBe('cancelled');
    await expect.poll(() => rig.connection.outstanding).toBe(0);
    expect(rig.logs).toEqual([]);
  });

  it('fires context.signal with a TimeoutError at the deadline', async () => {
    const rig = await agentRigs.started(`export const handler = async (event, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      console.log(signal.reason.name); throw signal.reason; };`);
    const settled = rig.settled();
    // Enough for it to have begun.
    const { result } = await rig.invoke({ timeoutMs: 1000 });
    expect(result.outcome).toMatchObject({ kind: 'function-fault', fault: 'timeout' });
    await settled;
    expect(rig.logs.map((line) => line.text)).toEqual(['TimeoutError']);
    expect(rig.connection.stuck).toBe(0);
  });

  it('resolves at the deadline of a busy loop, which stays outstanding', async () => {
    const rig = await agentRigs.started('export const handler = () => { for (;;); };');
    const { result } = await rig.invoke({ timeoutMs: 100 });
    expect(result.outcome).toMatchObject({ fault: 'timeout' });
    expect([rig.connection.outstanding, rig.connection.stuck]).toEqual([1, 1]);
    await expect(rig.connection.ping({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'agent_not_answering' });
    expect(rig.events).toEqual(['given-up']);
  });
});

describe('batches', () => {
  const events = (rig: NodejsAgentRig, values: readonly unknown[]) => {
    const calls = values.map((value) =>
      rig.call({ request: { kind: 'event', body: Buffer.from(JSON.stringify(value)) } }),
    );
    const results = rig.connection.invokeBatch(calls.map(({ call }) => call));
    return Promise.all(
      results.map(async (result, i) => {
        const { outcome } = await result;
        return outcome.kind === 'success' ? calls[i]!.answer().body.toString() : outcome;
      }),
    );
  };

  it('gives handleBatch all events at once and each caller its own result', async () => {
    const rig = await agentRigs.started(`export const handleBatch = (events, context) => events.map((n, i) =>
      n === 3 ? new TypeError('three') : n === 4 ? { error: 'four' } : n === 5 ? { error: new RangeError('five') } : { n, size: events.length, id: context.items[i].invocationId === context.items[0].invocationId });`);
    const [one, two, three, four, five] = await events(rig, [1, 2, 3, 4, 5]);
    expect(JSON.parse(one as string)).toEqual({ n: 1, size: 5, id: true });
    expect(JSON.parse(two as string)).toEqual({ n: 2, size: 5, id: false });
    expect(three).toMatchObject({ kind: 'function-error', type: 'TypeError', message: 'three' });
    expect(four).toMatchObject({ type: 'Error', message: 'four' });
    expect(five).toMatchObject({ type: 'RangeError', message: 'five' });
    expect(await rig.event(1)).toMatchObject({ n: 1, size: 1 });
  });

  it('takes failures by invocation id', async () => {
    const rig = await agentRigs.started(
      `export const handleBatch = (events, context) => ({ batchItemFailures: [{ itemIdentifier: context.items[1].invocationId }] });`,
    );
    expect(await events(rig, [1, 2, 3])).toMatchObject(['null', { type: 'BatchItemFailure' }, 'null']);
  });

  it.each([
    ['null', 'it returned null'],
    ['[1]', 'it returned 1 results for 2 events'],
  ])('explains that %s is not a batch result', async (returned, message) => {
    const rig = await agentRigs.started(`export const handleBatch = () => (${returned});`);
    for (const outcome of await events(rig, [1, 2]))
      expect(outcome).toMatchObject({ type: 'InvalidResult', message: expect.stringContaining(message) });
  });

  it('takes a handler setting of index.handleBatch for single calls too', async () => {
    const source =
      'export const handleBatch = (events) => events.map((n) => (n === 2 ? new RangeError("two") : [n, events.length]));';
    const rig = await agentRigs.started(source, { handler: 'index.handleBatch' });
    expect(await rig.event(1)).toEqual([1, 1]);
    await expect(rig.event(2)).rejects.toThrow('two');
  });

  it('runs items side by side when there is no handleBatch, and prefers handler for single calls', async () => {
    const rig = await agentRigs.started(
      `let waiting = []; export const handler = (n) => new Promise((resolve) => { waiting.push(() => resolve(n * 2)); if (waiting.length === 3) for (const go of waiting) go(); });`,
    );
    expect(await events(rig, [1, 2, 3])).toEqual(['2', '4', '6']);
    const both = await agentRigs.started(
      `export const handler = () => 'one'; export const handleBatch = (events) => events.map(() => 'many');`,
    );
    expect(await both.event(1)).toBe('one');
    expect(await events(both, [1, 2])).toEqual(['"many"', '"many"']);
  });
});

describe('logs', () => {
  it('belong to the invocation that printed them, over 50 that overlap', async () => {
    const rig = await agentRigs.started(`import { setTimeout as sleep } from 'node:timers/promises';
      export const handler = async ({ n }) => { for (let i = 0; i < 5; i++) { console.log(n, i); await sleep(Math.random() * 10); process.stdout.write(n + ' raw '); await null; process.stdout.write(i + '\\n'); } return n; };`);
    const ids = new Map<string, number>();
    await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const answer = await rig.invoke({ request: { kind: 'event', body: Buffer.from(JSON.stringify({ n })) } });
        ids.set(answer.id, n);
      }),
    );
    expect(rig.logs).toHaveLength(500);
    for (const line of rig.logs) expect(Number(line.text.split(' ')[0])).toBe(ids.get(line.invocationId ?? ''));
  });

  it('have levels, keep entries whole, and show objects', async () => {
    const rig = await agentRigs.started(`console.log('at start');
      export const handler = () => { console.debug('d'); console.info('i'); console.warn('w %d', 7); console.error(new Error('e')); console.log({ a: { b: [1] } }, 'two\\nlines');
        console.table([{ a: 1 }]); console.log(''); console.group('g'); console.log('in'); console.groupEnd(); process.stderr.write('raw error\\nrest'); };`);
    const { id } = await rig.invoke();
    const seen = rig.logs.map((line) => [line.level, line.stream, line.text.split('\n    at ')[0]]);
    expect(seen.slice(0, 6)).toEqual([
      ['info', 'stdout', 'at start'],
      ['debug', 'stdout', 'd'],
      ['info', 'stdout', 'i'],
      ['warn', 'stderr', 'w 7'],
      ['error', 'stderr', 'Error: e'],
      ['info', 'stdout', '{ a: { b: [ 1 ] } } two\nlines'],
    ]);
    expect(seen[6]?.[2]).toContain('│');
    expect(seen.slice(7)).toEqual([
      ['info', 'stdout', ''],
      ['info', 'stdout', 'g'],
      ['info', 'stdout', '  in'],
      ['error', 'stderr', 'raw error'],
      ['error', 'stderr', 'rest'],
    ]);
    expect(rig.logs.map((line) => line.invocationId)).toEqual([undefined, ...Array.from({ length: 11 }, () => id)]);
  });

  it('are cut by line and by invocation, never by killing the instance', async () => {
    const rig = await agentRigs.started(
      `export const handler = (n) => { for (let i = 0; i < n; i++) console.log('ü'.repeat(700)); return n; };`,
    );
    expect(await rig.event(100_000)).toBe(100_000);
    expect(rig.logs).toHaveLength(101);
    expect(rig.logs[0]).toMatchObject({ truncated: true, text: 'ü'.repeat(500) });
    expect(rig.logs.at(-1)).toMatchObject({ truncated: true, level: 'warn', text: expect.stringContaining('dropped') });
    expect(await rig.event(1)).toBe(1);
    expect(rig.logs).toHaveLength(102);
    expect(rig.violations).toEqual([]);
  });

  it('of a loop leave nothing behind that waits for the end of its turn', async () => {
    const rig = await agentRigs.started(
      `export const handler = (n) => { for (let i = 0; i < n; i++) console.log('line');
        return process.getActiveResourcesInfo().filter((kind) => kind === 'Immediate').length; };`,
    );
    expect(await rig.event(1000)).toBeLessThan(10);
  });

  it('after the end go to no invocation, and control bytes on stdout are text', async () => {
    const rig =
      await agentRigs.started(`import { writeSync } from 'node:fs'; import { execSync } from 'node:child_process';
      export const handler = () => { console.log('\\u0000\\u0000\\u0000\\u0000\\u0007\\u0001'); writeSync(1, 'raw fd\\n'); execSync('echo child', { stdio: 'inherit' }); setTimeout(() => console.log('later'), 30); };`);
    const { id } = await rig.invoke();
    await expect.poll(() => rig.logs.length).toBe(2);
    expect(rig.logs.map((line) => [line.invocationId, line.text])).toEqual([
      [id, '\0\0\0\0\u0007\u0001'],
      [undefined, 'later'],
    ]);
    await expect.poll(() => rig.stdout).toBe('raw fd\nchild\n');
  });
});
