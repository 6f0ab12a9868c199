import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PythonAgent } from '../support/python-agent.ts';
import { frames, type RawFrame, splitMeta } from '../support/raw-agent.ts';

let agent: PythonAgent;
beforeEach(async () => {
  agent = await PythonAgent.start();
});
afterEach(async () => await agent.dispose());

describe('event handlers', () => {
  test.each([
    [
      '{"statusCode": 201, "headers": {"X-A": 1}, "cookies": ["a=1"], "body": "hi"}',
      201,
      'hi',
      ['X-A', '1', 'set-cookie', 'a=1', 'content-type', 'application/json'],
    ],
    [
      '{"statusCode": 200, "body": "AP8=", "isBase64Encoded": True, "headers": {"content-type": "image/png"}}',
      200,
      '\u0000\u00ff',
      ['content-type', 'image/png'],
    ],
    [
      '{"statusCode": 200, "headers": [("X-A", "\u00e9"), ("X-B", None)], "body": "é"}',
      200,
      'Ã©',
      ['X-A', '\u00e9', 'content-type', 'application/json'],
    ],
    ['{"a": 1}', 200, '{"a":1}', ['content-type', 'application/json']],
    ['"bare"', 200, 'bare', ['content-type', 'application/json']],
    ['None', 200, 'null', ['content-type', 'application/json']],
    ['b"raw"', 200, 'raw', ['content-type', 'application/octet-stream']],
  ])('answer HTTP with %s', async (value, status, text, headers) => {
    await agent.load(`def handler(event, context): return ${value}`);
    const { meta, body } = await agent.response(agent.request('GET', '/', Buffer.alloc(0)));
    expect(meta).toMatchObject({ status, headers });
    expect(body.toString('latin1')).toBe(text);
  });

  test('say which status or header cannot be sent, and are not ended for it', async () => {
    await agent.load(`
answers = [
    {"statusCode": 999},
    {"statusCode": "abc"},
    {"statusCode": 200.5},
    {"statusCode": None},
    {"statusCode": 200, "headers": {"a b": "1"}},
    {"statusCode": 200, "headers": {"a": "1\\nb: 2"}},
    {"statusCode": 200, "headers": {"a": "\u65e5"}},
    {"statusCode": 200, "headers": "a: b"},
    {"statusCode": 200, "headers": {"a": "x" * 20000}},
    {"statusCode": 200, "headers": {"x-%d" % i: "1" for i in range(200)}},
    {"statusCode": 200, "cookies": "a=1"},
]
def handler(event, context): return answers[int(event["rawPath"][1:])]
`);
    const says: string[] = [];
    for (let i = 0; i < 11; i++) {
      const { type, message } = await agent.error(agent.request('GET', `/${i}`, Buffer.alloc(0)));
      expect(type).toBe('InvalidResponse');
      says.push(message);
    }
    expect(says).toEqual([
      'the status 999 is not a whole number from 200 to 599',
      'the status abc is not a whole number from 200 to 599',
      'the status 200.5 is not a whole number from 200 to 599',
      'the status None is not a whole number from 200 to 599',
      '"a b" is not a legal header name',
      'the value of header a has characters that HTTP does not allow; percent-encode it',
      'the value of header a has characters that HTTP does not allow; percent-encode it',
      'headers is a str; it must be a dictionary of names and values',
      'the headers have 20029 bytes; at most 16384 can be sent',
      'there are 201 headers; at most 100 can be sent',
      'cookies is a str; it must be a list',
    ]);
  });

  test('that are generators stream', async () => {
    await agent.load(`
def handler(event, context):
    yield {"statusCode": 202, "headers": {"content-type": "text/x"}}
    yield "one"
    yield b"two"
`);
    const id = agent.request('GET', '/', Buffer.alloc(0));
    const head = splitMeta((await agent.next((frame) => frame.type === frames.response && frame.id === id)).payload);
    expect(head.meta).toMatchObject({ status: 202, headers: ['content-type', 'text/x'] });
    expect((await agent.ended(id)).type).toBe(frames.end);
    expect(agent.received.filter((f) => f.type === frames.body).map((f) => f.payload.toString())).toEqual([
      'one',
      'two',
    ]);
  });

  test.each([
    ['a plain function', 'def', 1],
    ['one of several threads', 'def', 3],
    ['a coroutine', 'async def', 1],
  ])('stream what an asynchronous or a plain iterator yields that %s returns', async (_what, def, concurrency) => {
    await agent.load(
      `
import asyncio
async def later():
    yield "one, "
    await asyncio.sleep(0)
    yield "two"
${def} handler(event, context):
    head = {"statusCode": 202, "headers": {"content-type": "text/x"}}
    return {"/a": later(), "/b": map(str, [1, 2]), "/c": {**head, "body": later()}, "/d": {**head, "body": iter(["three"])}}[event["rawPath"]]
`,
      'main.handler',
      { concurrency },
    );
    const answers = [];
    for (const path of ['/a', '/b', '/c', '/d']) {
      const id = agent.request('GET', path, Buffer.alloc(0));
      expect((await agent.ended(id)).type).toBe(frames.end);
      const own = agent.received.filter((frame) => frame.id === id);
      const head = splitMeta((own.find(({ type }) => type === frames.response) as RawFrame).payload);
      const body = own.filter(({ type }) => type === frames.body).map(({ payload }) => payload.toString());
      answers.push([head.meta['status'], head.body.toString() + body.join('')]);
    }
    expect(answers).toEqual([
      [200, 'one, two'],
      [200, '12'],
      [202, 'one, two'],
      [202, 'three'],
    ]);
  });
});
