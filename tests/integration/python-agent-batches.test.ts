import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PythonAgent } from '../support/python-agent.ts';

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
