import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PythonAgent } from '../support/python-agent.ts';
import { frames } from '../support/raw-agent.ts';

let agent: PythonAgent;
beforeEach(async () => {
  agent = await PythonAgent.start();
});
afterEach(async () => await agent.dispose());

describe('batches', () => {
  test('go to handle_batch; one bad item fails alone', async () => {
    const ready = await agent.load(`
def handler(event, context): return "single"
def handle_batch(events, context):
    return [ValueError("odd") if e % 2 else {"n": e, "id": c.invocation_id} for e, c in zip(events, context.items)]
`);
    expect(ready.handlesBatch).toBe(true);
    const first = agent.batch([0, 1, 2]);
    expect(await agent.result(first)).toEqual({ n: 0, id: 'inv_0' });
    expect(await agent.error(first + 1)).toMatchObject({ type: 'ValueError', message: 'odd' });
    expect(await agent.result(first + 2)).toEqual({ n: 2, id: 'inv_2' });
    expect(await agent.result(agent.invoke(1))).toBe('single');
  });

  test('with the wrong number of results fail as a whole, saying what was expected', async () => {
    await agent.load('def handler(e, c): ...\nasync def handle_batch(events, context): return [1]');
    const first = agent.batch([1, 2]);
    expect((await agent.error(first)).message).toContain('2 were given, it returned 1 results');
    expect((await agent.error(first + 1)).type).toBe('TypeError');
  });

  test.each(['def', 'async def'])('fail by item as in Node.js: %s', async (def) => {
    await agent.load(
      `
${def} handle_batch(events, context):
    if events[0] == "lambda": return {"batchItemFailures": [{"itemIdentifier": context.items[-1].invocation_id}]}
    return [{"error": "bad"} if e == 1 else {"error": ValueError("odd")} if e == 3 else {"error": None, "n": e} for e in events]
`,
      'main.handle_batch',
    );
    const first = agent.batch([0, 1, 3]);
    expect(await agent.result(first)).toEqual({ error: null, n: 0 });
    expect(await agent.error(first + 1)).toMatchObject({ type: 'Exception', message: 'bad' });
    expect(await agent.error(first + 2)).toMatchObject({ type: 'ValueError', message: 'odd' });
    const second = agent.batch(['lambda', 1]);
    expect(await agent.result(second)).toBeNull();
    expect(await agent.error(second + 1)).toMatchObject({ type: 'BatchItemFailure' });
    // Alone, it is a batch of one.
    expect(await agent.error(agent.invoke(1))).toMatchObject({ type: 'Exception', message: 'bad' });
    expect(await agent.error(agent.invoke('lambda'))).toMatchObject({ type: 'BatchItemFailure' });
  });

  test.each(['def', 'async def'])('answer others before one whose client takes its time: %s', async (def) => {
    await agent.load(
      `
def pieces():
    for _ in range(5): yield "x" * 300_000
${def} handle_batch(events, context): return [pieces() if e == "stream" else "x" * 1_500_000 if e == "large" else e for e in events]
`,
      'main.handle_batch',
    );
    const first = agent.batch(['stream', 'large', 2]);
    // Neither of the first two gets more credit than a call begins with.
    expect(await agent.result(first + 2)).toBe(2);
    const got = (id: number) =>
      agent.received.filter((f) => f.type === frames.body && f.id === id).reduce((n, f) => n + f.payload.length, 0);
    await expect.poll(() => got(first)).toBe(1_048_576);
  });

  test('go on while somebody waits for one of them, and know the time of the most urgent', async () => {
    await agent.load(
      `
def handle_batch(events, context):
    print("runs")
    context.items[0].cancelled.wait()
    print("one", context.cancelled.is_set())
    context.cancelled.wait()
    print(context.cancel_reason, context.deadline_ms == min(c.deadline_ms for c in context.items))
    return events
`,
      'main.handle_batch',
    );
    const first = agent.batch([0, 1]);
    await agent.printed();
    agent.cancel(first, 'disconnected');
    await agent.printed('one False');
    agent.cancel(first + 1);
    await agent.ended(first + 1);
    expect(agent.logs(first).join()).toContain('disconnected True');
  });

  test('without handle_batch run one by one', async () => {
    await agent.load('def handler(event, context): return event * 2');
    const first = agent.batch([1, 2]);
    expect([await agent.result(first), await agent.result(first + 1)]).toEqual([2, 4]);
  });

  test.each([
    'def handler(event, context): return work([event], context)[0]',
    'def handle_batch(events, context): return work(events, context)',
  ])('what is cancelled before its turn ends alone and is never run: %s', async (handler) => {
    const work = `
ran = []
def work(events, context):
    ran.extend(events)
    if "hang" in events: print("hangs"), context.cancelled.wait()
    return [list(ran) for _ in events]
`;
    await agent.load(work + handler, handler.startsWith('def handle_batch') ? 'main.handle_batch' : 'main.handler');
    const hangs = agent.invoke('hang');
    await agent.printed();
    const first = agent.batch([0, 1, 2]);
    agent.cancel(first + 1, 'disconnected');
    agent.cancel(hangs);
    expect(await agent.result(hangs)).toEqual(['hang']);
    expect(await agent.error(first + 1)).toMatchObject({ type: 'Cancelled' });
    expect(await agent.result(first + 2)).toEqual(['hang', 0, 2]);
  });
});
