import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { acceptedSchema } from '../../shared/api/invocations.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

/** More for a long run: HEARTH_TEST_IDEMPOTENCY_KEYS=1000. */
const keyCount = Number(process.env['HEARTH_TEST_IDEMPOTENCY_KEYS'] ?? 20);
const requestsPerKey = 100;
/** Sent at the same time: their requests are mixed on the way. */
const keysAtOnce = 10;
/** A group whose requests are all sent again, and the kill in the midst of it, on a busy machine. */
const groupMs = 30_000;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-keys-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the requests with one key were answered: one body, if the promise holds. */
type Answers = Map<string, string[]>;

/** Sends each key until it has its hundred answers; those that got none are left for later when the platform is gone. */
async function send(
  platform: Platform,
  keys: readonly string[],
  answers: Answers,
  onAnswer: () => void,
): Promise<void> {
  const request = async (key: string): Promise<void> => {
    const path = '/api/v1/functions/once/invocations?mode=async';
    try {
      const response = await platform.api('POST', path, { key }, { 'idempotency-key': key });
      const body = await response.text();
      if (response.status !== 202) throw new Error(`${key} was answered ${response.status}: ${body}`);
      answers.get(key)?.push(body);
      onAnswer();
    } catch (error) {
      // Only a connection that ended is no answer.
      if (!(error instanceof TypeError)) throw error;
    }
  };
  const missing = keys.flatMap((key) =>
    Array.from({ length: requestsPerKey - (answers.get(key)?.length ?? 0) }, () => key),
  );
  // One of each key in turn.
  const turns = missing.map((key, i) => ({ key, turn: i - missing.indexOf(key) })).sort((a, b) => a.turn - b.turn);
  await Promise.all(turns.map(({ key }) => request(key)));
}

it(
  `${keyCount} idempotency keys, each sent ${requestsPerKey} times at once while the platform is killed: one execution and one answer each`,
  async (context) => {
    let platform = await startPlatform({ dataDirectory: folder });
    const made = await platform.api('POST', '/api/v1/functions', {
      name: 'once',
      files: { 'index.mjs': 'export const handler = ({ key }) => key;' },
      retry: { maxAttempts: 20, maxAgeMs: 24 * 3_600_000, minBackoffMs: 10, maxBackoffMs: 50 },
      concurrency: 8,
    });
    expect(made.status, await made.clone().text()).toBe(201);
    const answers: Answers = new Map();
    let [kills, cutOff] = [0, 0];
    for (let first = 0; first < keyCount; first += keysAtOnce) {
      const keys = Array.from({ length: Math.min(keysAtOnce, keyCount - first) }, (_, i) => `key-${first + i}`);
      for (const key of keys) answers.set(key, []);
      // After any of the answers: the first of a group is the first time that one of its keys is known. After one of the first until some were cut off, for on a
      // busy machine the platform may have answered all of them when this process has read a part.
      const among = cutOff === 0 ? keys.length : keys.length * requestsPerKey - 1;
      const killAt = 1 + Math.floor(Math.random() * among);
      let [answered, killed] = [0, Promise.resolve()];
      const current = platform;
      await send(current, keys, answers, () => {
        answered++;
        if (answered === killAt) killed = current.kill();
      });
      await killed;
      kills++;
      cutOff += keys.length * requestsPerKey - answered;
      platform = await startPlatform({ dataDirectory: folder });
      await send(platform, keys, answers, () => undefined);
      for (const key of keys) {
        expect(answers.get(key), key).toHaveLength(requestsPerKey);
        expect(new Set(answers.get(key)).size, key).toBe(1);
      }
    }
    const database = new BetterSqlite3(join(folder, 'hearth.db'), { readonly: true, fileMustExist: true });
    const unfinished = database.prepare("select count(*) from invocations where status <> 'success'").pluck();
    await eventually(() => expect(unfinished.get()).toBe(0), 120_000);
    const executed = database.prepare('select id from invocations').pluck().all();
    const answered = [...answers.values()].map(([body]) => acceptedSchema.parse(JSON.parse(body ?? '')).id);
    expect(executed.toSorted()).toEqual(answered.toSorted());
    expect(new Set(answered).size).toBe(keyCount);
    database.close();
    // A key that was never cut off would only show what the suite of the queue does.
    expect(cutOff).toBeGreaterThan(0);
    await context.annotate(`${keyCount * requestsPerKey} requests, ${kills} kills, ${cutOff} requests sent again`);
    expect(await platform.stop()).toBe(0);
  },
  300_000 + Math.ceil(keyCount / keysAtOnce) * groupMs,
);
