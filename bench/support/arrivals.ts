import { Agent, request as http } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** A call that hears nothing for so long has failed: what is lost must not keep a bench from ending. */
const silenceMs = 30_000;

export interface ArrivalsOptions {
  readonly url: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** JSON that is sent with POST; without it, GET. */
  readonly body?: string;
}

export interface Answered {
  /** Of answers with 200, from the moment at which the call was due, or was sent if that was before: a generator that is late does not hide a delay. */
  readonly tookMs: readonly number[];
  /** Answers with 429. */
  readonly throttled: number;
  /** All others, and errors of connections. */
  readonly failures: number;
}

/** Calls that come evenly whatever becomes of those before (an open loop), over connections that stay open. Resolves when all are answered. */
export async function arrivals({ url, perSecond, seconds, body }: ArrivalsOptions): Promise<Answered> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4096, timeout: silenceMs });
  const [tookMs, open]: [number[], Promise<void>[]] = [[], []];
  let throttled = 0;
  let failures = 0;
  const startedAt = performance.now();
  const call = (dueAt: number): Promise<void> =>
    statusOf(url, agent, body).then(
      (status) => {
        if (status === 200) tookMs.push(performance.now() - dueAt);
        else if (status === 429) throttled++;
        else failures++;
      },
      () => void failures++,
    );
  try {
    for (let i = 0; i < perSecond * seconds; i++) {
      const dueAt = startedAt + (i / perSecond) * 1000;
      const waitMs = dueAt - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      // A timer can be early by up to a millisecond: then from when it was sent.
      open.push(call(Math.min(dueAt, performance.now())));
    }
    await Promise.all(open);
  } finally {
    agent.destroy();
  }
  return { tookMs, throttled, failures };
}

/** `count` calls on as many connections, all at once; the time until the last is answered, and how many were not answered with 200. */
export async function burst(
  url: string,
  count: number,
): Promise<{ readonly tookMs: number; readonly failures: number }> {
  const agent = new Agent({ keepAlive: false, maxSockets: count, timeout: silenceMs });
  const startedAt = performance.now();
  const statuses = await Promise.all(Array.from({ length: count }, () => statusOf(url, agent).catch(() => 0)));
  const tookMs = performance.now() - startedAt;
  agent.destroy();
  return { tookMs, failures: statuses.filter((status) => status !== 200).length };
}

async function statusOf(url: string, agent: Agent, body?: string): Promise<number> {
  const sent =
    body === undefined
      ? { agent }
      : { agent, method: 'POST', headers: { 'content-type': 'application/json', 'content-length': body.length } };
  return await new Promise((resolve, reject) => {
    const request = http(url, sent, (response) => {
      response
        .resume()
        .once('end', () => resolve(response.statusCode ?? 0))
        .once('error', reject);
    });
    // The agent's time-out only says so.
    request.once('timeout', () => request.destroy(new Error(`silent for ${silenceMs} ms`)));
    request.once('error', reject);
    request.end(body);
  });
}
