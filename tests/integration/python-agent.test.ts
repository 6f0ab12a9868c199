import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PythonAgent } from '../support/python-agent.ts';
import { flagEnd, frames, splitMeta } from '../support/raw-agent.ts';

let agent: PythonAgent;
beforeEach(async () => {
  agent = await PythonAgent.start();
});
afterEach(async () => await agent.dispose());

const load: PythonAgent['load'] = (...given) => agent.load(...given);
const cancel: PythonAgent['cancel'] = (...given) => agent.cancel(...given);

async function initError(source: string, handler = 'main.handler') {
  const frame = await agent.initWith(source, handler);
  expect(frame.type).toBe(frames.error);
  return JSON.parse(frame.payload.toString()) as { type: string; message: string; stack: string; fatal: boolean };
}

describe('event handlers', () => {
  test('return JSON and get a context', async () => {
    const ready = await load(`
import json
def init():
    global started
    started = True
def handler(event, context):
    return {"event": event, "started": started, "id": context.aws_request_id, "same": context.invocation_id,
            "name": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb,
            "left": context.get_remaining_time_in_millis(), "attempt": context.attempt, "trace": context.traceparent,
            "cancelled": context.cancelled.is_set()}
`);
    expect(ready).toMatchObject({ style: 'event', handlesBatch: false });
    const id = agent.invoke({ ä: [1, null] }, { attempt: 2, traceparent: '00-1' });
    const { meta, body } = await agent.response(id);
    expect(meta).toMatchObject({ status: 200, event: true, headers: ['content-type', 'application/json'] });
    expect(meta.peakMemoryBytes).toBeGreaterThan(1_000_000);
    const result = JSON.parse(body.toString());
    expect(result).toMatchObject({
      event: { ä: [1, null] },
      started: true,
      id: 'inv_x',
      same: 'inv_x',
      name: 'probe',
      version: 3,
      memory: 128,
      attempt: 2,
      trace: '00-1',
      cancelled: false,
    });
    expect(result.left).toBeGreaterThan(10_000);
  });

  test('have what Python sets up for programs, and JSON with blanks around it', async () => {
    await load(`
def handler(event, context):
    return [event, type(exit).__name__, callable(help), "é"]
`);
    expect(await agent.result(agent.invoke(Buffer.from(' {"a": 1}\n')))).toEqual([{ a: 1 }, 'Quitter', true, 'é']);
    const { type, message } = await agent.error(agent.invoke(Buffer.from('{"a": }')));
    expect([type, message]).toEqual(['json.decoder.JSONDecodeError', 'Expecting value: line 1 column 7 (char 6)']);
  });

  test('that raise report type, message and a traceback of user code with relative paths', async () => {
    await load(`
class Broken(Exception): pass
def inner(): raise Broken("tap")
def handler(event, context):
    try:
        inner()
    except Broken as e:
        raise ValueError("no water") from e
`);
    const error = await agent.error(agent.invoke(1));
    expect(error).toMatchObject({ type: 'ValueError', message: 'no water', fatal: false });
    expect(error.stack).toContain('File "main.py", line 8, in handler\n    raise ValueError("no water") from e');
    expect(error.stack).toContain('main.Broken: tap');
    expect(error.stack).not.toContain('agent.py');
    expect(error.stack).not.toContain(agent.code);
  });

  test.each([
    ['set()', 'object()', 'cannot be returned as JSON'],
    ['a number JSON lacks', 'float("nan")', 'Out of range float'],
    ['a cycle', '(lambda l: (l.append(l), l)[1])([])', 'Circular'],
  ])('that return %s fail alone', async (_what, value, message) => {
    await load(`def handler(event, context): return ${value} if event else "fine"`);
    expect((await agent.error(agent.invoke(1))).message).toContain(message);
    expect(await agent.result(agent.invoke(0))).toBe('fine');
  });

  test('may return dates, decimals, sets, UUIDs and dataclasses', async () => {
    await load(`
import datetime, decimal, uuid, dataclasses
@dataclasses.dataclass
class P: x: int
def handler(event, context):
    return [datetime.date(2026, 1, 2), decimal.Decimal("1.5"), decimal.Decimal("3"), {1}, uuid.UUID(int=1), P(4)]
`);
    const uuid = '00000000-0000-0000-0000-000000000001';
    expect(await agent.result(agent.invoke(1))).toEqual(['2026-01-02', 1.5, 3, [1], uuid, { x: 4 }]);
  });

  test('get HTTP requests as Lambda function URL events', async () => {
    await load('def handler(event, context): return event');
    const id = agent.request('POST', '/a%20b/c?x=1&x=2&y=', Buffer.from('héllo'), [
      'Content-Type',
      'text/plain',
      'Cookie',
      'a=1; b=2',
      'X-Two',
      '1',
      'x-two',
      '2',
      'user-agent',
      'probe',
    ]);
    const { meta, body } = await agent.response(id);
    expect(meta).toMatchObject({ status: 200, event: false });
    expect(JSON.parse(body.toString())).toMatchObject({
      version: '2.0',
      routeKey: '$default',
      rawPath: '/a%20b/c',
      rawQueryString: 'x=1&x=2&y=',
      cookies: ['a=1', 'b=2'],
      headers: { 'content-type': 'text/plain', 'x-two': '1,2', 'x-forwarded-for': '192.0.2.7' },
      queryStringParameters: { x: '1,2', y: '' },
      pathParameters: { id: '7' },
      body: 'héllo',
      isBase64Encoded: false,
      requestContext: { http: { method: 'POST', path: '/a%20b/c', sourceIp: '192.0.2.7', userAgent: 'probe' } },
    });
    const binary = agent.request('POST', '/', Buffer.from([0, 255]), ['content-type', 'image/png']);
    const event = (await agent.result(binary)) as { body: string; isBase64Encoded: boolean };
    expect(event).toMatchObject({ body: 'AP8=', isBase64Encoded: true });
    const encoded = await agent.result(agent.request('GET', '/?a=%C3%A9&b=1+2&c', Buffer.alloc(0)));
    expect(encoded).toMatchObject({ queryStringParameters: { a: 'é', b: '1 2', c: '' } });
    // As in Node.js, and as AWS does: what does not say that it is text, or is compressed, is not taken for text.
    for (const headers of [[], ['content-type', 'text/plain', 'content-encoding', 'gzip']])
      expect(await agent.result(agent.request('POST', '/', Buffer.from('hi'), headers))).toMatchObject({
        body: 'aGk=',
        isBase64Encoded: true,
      });
  });

  test('get bodies that arrive in pieces, beyond the first credit', async () => {
    await load('def handler(event, context): return len(event["body"])');
    const id = agent.request('POST', '/', undefined, ['content-type', 'text/plain']);
    let credit = 1_048_576;
    for (let i = 0; i < 20; i++) {
      if (credit < 200_000) {
        const grant = await agent.next((frame) => frame.type === frames.window && frame.id === id);
        credit += grant.payload.readUInt32BE(0);
      }
      agent.send(frames.body, id, Buffer.alloc(200_000, 'x'));
      credit -= 200_000;
    }
    agent.send(frames.end, id);
    expect(await agent.result(id)).toBe(4_000_000);
  });

  test('send large results within the credit of the host', async () => {
    await load('def handler(event, context): return "x" * 3_000_000');
    const id = agent.invoke(1);
    const head = await agent.next((frame) => frame.type === frames.response && frame.id === id);
    // The host learns the length before the body, so that it can refuse one over the limit with an answer instead of a cut stream.
    expect(splitMeta(head.payload).meta).toMatchObject({
      headers: ['content-type', 'application/json', 'content-length', '3000002'],
    });
    const got = () =>
      agent.received.filter((f) => f.type === frames.body && f.id === id).reduce((n, f) => n + f.payload.length, 0);
    await expect.poll(got).toBe(1_048_576);
    // Nothing more comes: the answer to PING would be behind it.
    agent.send(frames.ping, 0, Buffer.alloc(8));
    await agent.next((frame) => frame.type === frames.pong);
    expect(got()).toBe(1_048_576);
    const more = Buffer.alloc(4);
    more.writeUInt32BE(4_000_000);
    agent.send(frames.window, id, more);
    await agent.ended(id);
    expect(got()).toBe(3_000_002);
  });

  test('may run in parallel in a pool', async () => {
    await load(
      `
import threading
barrier = threading.Barrier(4)
def handler(event, context):
    barrier.wait(60)
    print("in", event)
    return event
`,
      'main.handler',
      { concurrency: 4 },
    );
    const ids = [1, 2, 3, 4].map((n) => agent.invoke(n));
    expect(await Promise.all(ids.map((id) => agent.result(id)))).toEqual([1, 2, 3, 4]);
    expect(ids.map((id) => agent.logs(id))).toEqual([1, 2, 3, 4].map((n) => [`1 0 in ${n}`]));
  });
});

describe('asynchronous handlers', () => {
  test('share one loop and run at the same time', async () => {
    await load(
      `
import asyncio
waiting = []
async def handler(event, context):
    print("start", event)
    if event == 0:
        for f in waiting: f.set_result(event)
        return "opened"
    f = asyncio.get_running_loop().create_future()
    waiting.append(f)
    await f
    await asyncio.to_thread(print, "thread", event)
    return event
`,
      'main.handler',
      { concurrency: 10 },
    );
    const ids = [1, 2, 3].map((n) => agent.invoke(n));
    const opener = agent.invoke(0);
    expect(await agent.result(opener)).toBe('opened');
    expect(await Promise.all(ids.map((id) => agent.result(id)))).toEqual([1, 2, 3]);
    expect(ids.map((id) => agent.logs(id))).toEqual([1, 2, 3].map((n) => [`1 0 start ${n}`, `1 0 thread ${n}`]));
  });

  test('are cancelled at the deadline', async () => {
    await load(`
import asyncio
async def handler(event, context):
    print("began")
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaned", context.cancelled.is_set(), context.cancel_reason)
`);
    const id = agent.invoke(1);
    // One that is cancelled before it began does not begin.
    await agent.printed();
    cancel(id);
    expect((await agent.error(id)).type).toBe('Cancelled');
    expect(agent.logs(id)).toEqual(['1 0 cleaned True deadline']);
  });

  test('that block the loop are noticed: PING and the cancelled flag still work', async () => {
    await load(`
import time
async def handler(event, context):
    until = time.time() + 60
    while time.time() < until and not context.cancelled.is_set(): time.sleep(0.01)
    return time.time() < until
`);
    const id = agent.invoke(1);
    agent.send(frames.ping, 0, Buffer.from('12345678'));
    const pong = await agent.next((frame) => frame.type === frames.pong);
    expect(pong.payload.toString()).toBe('12345678');
    cancel(id);
    await agent.ended(id);
    const next = agent.invoke(1);
    cancel(next);
    expect(await agent.error(next).catch(() => 'still serves')).toBeDefined();
  });

  test('that are async generators stream', async () => {
    await load(`
async def handler(event, context):
    yield "a"
    yield {"n": 1}
`);
    const id = agent.invoke(1);
    await agent.ended(id);
    expect(agent.received.filter((f) => f.type === frames.body).map((f) => f.payload.toString())).toEqual([
      'a',
      '{"n":1}\n',
    ]);
  });
});

describe('while a synchronous handler runs', () => {
  const source = `
import time
def handler(event, context):
    if event == "spin":
        print("spins")
        while not context.cancelled.is_set(): pass
        return context.cancel_reason
    time.sleep(event)
    return event
`;
  test('PING is answered and CANCEL sets the flag, again and again', async () => {
    await load(source);
    for (let i = 0; i < 5; i++) {
      const id = agent.invoke('spin');
      await agent.printed();
      agent.send(frames.ping, 0, Buffer.alloc(8, i));
      expect((await agent.next((frame) => frame.type === frames.pong)).payload[0]).toBe(i);
      cancel(id, 'disconnected');
      expect(await agent.result(id)).toBe('disconnected');
      expect(await agent.result(agent.invoke(0))).toBe(0);
    }
  });

  test('more calls wait their turn', async () => {
    await load(source);
    const ids = [0.15, 0, 0.1, 0].map((n) => agent.invoke(n));
    expect(await Promise.all(ids.map((id) => agent.result(id)))).toEqual([0.15, 0, 0.1, 0]);
  });

  test('an idle agent sleeps and wakes', async () => {
    await load(source);
    expect(await agent.result(agent.invoke(0))).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const id = agent.invoke('spin');
    await agent.printed();
    cancel(id);
    expect(await agent.result(id)).toBe('deadline');
  });
});

describe('applications', () => {
  test('ASGI: scope, lifespan, streaming both ways', async () => {
    const ready = await load(
      `
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["pool"] = "open"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("closed")
        await send({"type": "lifespan.shutdown.complete"})
        return
    first = await receive()
    head = [(b"x-path", scope["path"].encode()), (b"x-root", scope["root_path"].encode()), (b"x-state", scope["state"]["pool"].encode()), (b"x-first", first["body"])]
    await send({"type": "http.response.start", "status": 207, "headers": head})
    await send({"type": "http.response.body", "body": b"early", "more_body": True})
    total = 0
    more = first["more_body"]
    while more:
        message = await receive()
        total += len(message["body"]); more = message["more_body"]
    await send({"type": "http.response.body", "body": str(total).encode()})
`,
      'main.app',
    );
    expect(ready.style).toBe('asgi');
    const id = agent.request('POST', '/caf%C3%A9?q=1', undefined, ['X-Forwarded-Prefix', '/my-app']);
    agent.send(frames.body, id, 'hello');
    const head = splitMeta((await agent.next((frame) => frame.type === frames.response)).payload);
    expect(head.meta).toMatchObject({
      status: 207,
      headers: ['x-path', '/my-app/cafÃ©', 'x-root', '/my-app', 'x-state', 'open', 'x-first', 'hello'],
    });
    expect((await agent.next((frame) => frame.type === frames.body)).payload.toString()).toBe('early');
    agent.send(frames.body, id, Buffer.alloc(1000));
    agent.send(frames.body, id, Buffer.alloc(500), flagEnd);
    expect((await agent.next((frame) => frame.type === frames.body)).payload.toString()).toBe('1500');
    await agent.ended(id);
    agent.send(frames.drain, 0);
    expect(await agent.exited).toBe(0);
    expect(agent.logs(0)).toEqual(['1 0 closed']);
  });

  test('ASGI: a disconnected client is seen, and the task ends', async () => {
    await load(
      `
async def app(scope, receive, send):
    assert scope["type"] == "http"
    print((await receive())["type"])
    print((await receive())["type"])
`,
      'main.app',
    );
    const id = agent.request('GET', '/', Buffer.alloc(0));
    await agent.printed();
    cancel(id, 'disconnected');
    await agent.ended(id);
    expect(agent.logs(id)).toEqual(['1 0 http.disconnect']);
  });

  test('ASGI: an API invocation is a POST of its JSON; a failing startup fails the init', async () => {
    await load(
      `
class App:
    async def __call__(self, scope, receive, send):
        if scope["type"] != "http": raise NotImplementedError()
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["method"].encode() + body})
app = App()
`,
      'main.app',
    );
    const { meta, body } = await agent.response(agent.invoke({ a: 1 }));
    expect(meta.event).toBe(false);
    expect(body.toString()).toBe('POST{"a":1}');
  });

  test('ASGI: a failing startup fails the init', async () => {
    const error = await initError(
      `
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
`,
      'main.app',
    );
    expect(error.message).toContain('startup failed: no database');
  });

  test('WSGI: environ, buffered and streamed answers', async () => {
    const ready = await load(
      `
def app(environ, start_response):
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/stream":
        def chunks():
            start_response("200 OK", [("Content-Type", "text/plain")])
            yield b"one"
            yield b"two"
        return chunks()
    write = start_response("201 Created", [("X-Len", str(len(body))), ("X-Q", environ["QUERY_STRING"]), ("X-H", environ["HTTP_X_IN"]), ("X-S", environ["SERVER_NAME"] + " " + environ["SERVER_PORT"])])
    return [b"he", b"llo"]
`,
      'main.app',
    );
    expect(ready.style).toBe('wsgi');
    const own = ['x-in', 'yes', 'x_in', 'spoofed'];
    for (const [host, server] of [
      ['fn.example:8080', 'fn.example 8080'],
      ['fn.example', 'fn.example 80'],
      ['[::1]:8080', '[::1] 8080'],
      ['[::1]', '[::1] 80'],
    ]) {
      const whole = await agent.response(agent.request('POST', '/?q=1', Buffer.from('12345'), own, host));
      const headers = ['X-Len', '5', 'X-Q', 'q=1', 'X-H', 'yes', 'X-S', server];
      expect(whole.meta).toMatchObject({ status: 201, headers });
      expect(whole.body.toString()).toBe('hello');
    }
    const id = agent.request('GET', '/stream', Buffer.alloc(0));
    expect((await agent.ended(id)).type).toBe(frames.end);
    expect(agent.received.filter((f) => f.type === frames.body).map((f) => f.payload.toString())).toEqual([
      'one',
      'two',
    ]);
  });

  test('hearth_style wins over the guess', async () => {
    const source = 'hearth_style = "event"\ndef app(event, context): return "event"';
    expect((await load(source, 'main.app')).style).toBe('event');
    expect(await agent.result(agent.invoke(1))).toBe('event');
  });
});

describe('logs', () => {
  test('keep levels and streams; partial lines come out at the end', async () => {
    await load(`
import sys, logging
def handler(event, context):
    print("a", 1)
    print("two\\nlines")
    sys.stderr.write("warned\\n")
    sys.stdout.buffer.write(b"bytes\\xff\\n")
    logging.getLogger("x").debug("hidden")
    logging.info("info %d", 2)
    logging.warning("careful")
    try: 1 / 0
    except Exception: logging.exception("oops")
    print("partial", end="")
    return None
`);
    const id = agent.invoke(1);
    await agent.ended(id);
    const logs = agent.logs(id);
    expect(logs.slice(0, 7)).toEqual([
      '1 0 a 1',
      '1 0 two',
      '1 0 lines',
      '3 1 warned',
      '1 0 bytes\ufffd',
      '1 1 info 2',
      '2 1 careful',
    ]);
    expect(logs[7]).toMatch(/^3 1 oops\nTraceback[\s\S]*ZeroDivisionError/);
    expect(logs[8]).toBe('1 0 partial');
  });

  test('are cut by line and in sum', async () => {
    await load(
      `
def handler(event, context):
    print("x" * 50_000)
    for i in range(10_000): print("y" * 99)
    return 1
`,
      'main.handler',
      { logLimitBytes: 100_000, logLineBytes: 1000 },
    );
    const id = agent.invoke(1);
    await agent.ended(id);
    const entries = agent.received.filter((frame) => frame.type === frames.log && frame.id === id);
    const total = entries.reduce((sum, frame) => sum + frame.payload.length - 4, 0);
    expect(total).toBeLessThanOrEqual(100_000);
    expect(total).toBeGreaterThan(90_000);
    expect(Math.max(...entries.map((frame) => frame.payload.length - 4))).toBe(1000);
    expect(entries.at(-1)?.payload.readUInt16BE(2)).toBe(1);
  });

  test('of user threads and their exceptions belong to the running call', async () => {
    await load(`
import threading
def work():
    print("from a thread")
    raise KeyError("gone")
def handler(event, context):
    t = threading.Thread(target=work, name="t1"); t.start(); t.join()
`);
    const id = agent.invoke(1);
    await agent.ended(id);
    const logs = agent.logs(id);
    expect(logs[0]).toBe('1 0 from a thread');
    expect(logs[1]).toMatch(/^3 1 exception in thread t1\nTraceback[\s\S]*main\.py", line 5[\s\S]*KeyError: 'gone'/);
  });

  test('at import belong to no call', async () => {
    await load('print("importing")\ndef handler(e, c): ...');
    expect(agent.logs(0)).toEqual(['1 0 importing']);
  });
});

describe('what ends the process', () => {
  test.each([
    ['sys.exit(7)', 7],
    ['sys.exit()', 0],
    ['sys.exit("text")', 1],
    ['os._exit(3)', 3],
  ])('%s in a handler', async (statement, exitCode) => {
    await load(`import sys, os\ndef handler(e, c):\n    print("bye", flush=True)\n    ${statement}`);
    const id = agent.invoke(1);
    expect(await agent.exited).toBe(exitCode);
    expect(agent.logs(id)).toEqual(['1 0 bye']);
  });

  test('DRAIN: what runs is finished, atexit runs, then exit 0', async () => {
    await load(`
import atexit, time
atexit.register(lambda: print("at exit"))
def handler(e, c):
    time.sleep(0.3)
    return "done"
`);
    const id = agent.invoke(1);
    agent.send(frames.drain, 0);
    expect(await agent.result(id)).toBe('done');
    expect(await agent.exited).toBe(0);
    expect(agent.logs(0)).toEqual(['1 0 at exit']);
  });

  test('the end of the channel, even in a busy handler', async () => {
    await load('def handler(e, c):\n    while True: pass');
    agent.invoke(1);
    agent.channel.end();
    expect(await agent.exited).toBe(0);
  });
});

describe('init fails and says what to do', () => {
  test.each([
    [
      'no such module',
      'x = 1',
      'other.handler',
      'InitFailed',
      'there is no other.py for the handler other.handler; the bundle has main.py',
    ],
    [
      'no such function',
      'def hello(): ...\nimport os',
      'main.handler',
      'InitFailed',
      "module main has no callable 'handler'; it has hello",
    ],
    [
      'an error at import',
      'import nowhere_to_be_found',
      'main.handler',
      'ModuleNotFoundError',
      "No module named 'nowhere_to_be_found'",
    ],
    ['a syntax error', 'def handler(:', 'main.handler', 'SyntaxError', 'main.py, line 1'],
    [
      'an error in init()',
      'def handler(e, c): ...\ndef init(): raise OSError("no disk")',
      'main.handler',
      'OSError',
      'no disk',
    ],
  ])('%s', async (_what, source, handler, type, message) => {
    const error = await initError(source, handler);
    expect(error).toMatchObject({ type, fatal: true });
    expect(error.message).toContain(message);
    expect(error.stack).not.toContain(agent.code);
    expect(await agent.exited).toBe(1);
  });
});

test('modules in site-packages and packages in folders are found', async () => {
  await mkdir(join(agent.code, 'site-packages'));
  await mkdir(join(agent.code, 'pkg'));
  await writeFile(join(agent.code, 'site-packages/dep.py'), 'value = 5');
  await writeFile(join(agent.code, 'pkg/fn.py'), 'import dep\ndef handler(e, c): return dep.value');
  await load('', 'pkg/fn.handler');
  expect(await agent.result(agent.invoke(1))).toBe(5);
});
