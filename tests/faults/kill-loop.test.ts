import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTimeOf } from '../../backend/execution-engine/drivers/support/process-tree.ts';
import { acceptedSchema, invocationDetailSchema } from '../../shared/api/invocations.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

/** More for a long run: HEARTH_TEST_KILL_ROUNDS=500. */
const rounds = Number(process.env['HEARTH_TEST_KILL_ROUNDS'] ?? 8);
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-kill-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Processes whose parent was this platform or one of its sandboxes: everything that carries the mark in its environment or arguments. */
function sandboxProcesses(): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('hearth-kill-mark');
      } catch {
        return false;
      }
    });
}

function mounts(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes('hearth'))
    .join('\n');
}

/** Asks for one execution, as others do with the same key, and keeps which one was named. A key is known from the first time that it is sent. */
async function submitWithKey(platform: Platform, key: string, keys: Map<string, Set<string>>): Promise<void> {
  const ids = keys.get(key) ?? new Set();
  keys.set(key, ids);
  const path = '/api/v1/functions/work/invocations?mode=async';
  const response = await platform.api('POST', path, { n: key, ms: 0 }, { 'idempotency-key': key });
  if (response.status === 202) ids.add(acceptedSchema.parse(await response.json()).id);
}

describe('SIGKILL of the platform at any moment', () => {
  it(
    'loses nothing acknowledged, leaves nothing behind, and queued work goes on',
    async () => {
      const mountsBefore = mounts();
      const accepted = new Set<string>();
      /** What each idempotency key was answered with, by whoever used it. */
      const keys = new Map<string, Set<string>>();
      const deployed: string[] = [];
      let platform: Platform = await startPlatform({ dataDirectory: folder });
      const source =
        'export async function handler(event) { await new Promise((resolve) => setTimeout(resolve, event.ms)); return event.n; }';
      const first = await platform.api('POST', '/api/v1/functions', {
        name: 'work',
        files: { 'index.mjs': source },
        concurrency: 8,
        retry: { maxAttempts: 20, maxAgeMs: 3_600_000, minBackoffMs: 10, maxBackoffMs: 50 },
      });
      expect(first.status, await first.clone().text()).toBe(201);
      const seen = new Set<string>();
      for (let round = 0; round < rounds; round++) {
        const current = platform;
        let isRunning = true;
        const submitters = Array.from({ length: 4 }, async (_, worker) => {
          for (let n = 0; isRunning; n++) {
            try {
              // One of three has a key that the others use at the same time.
              if (n % 3 === 2) {
                await submitWithKey(current, `${round}-${n}`, keys);
                continue;
              }
              const body = { n, ms: n % 3 === 0 ? 20 : 0, worker };
              const response = await current.api('POST', '/api/v1/functions/work/invocations?mode=async', body);
              if (response.status === 202) accepted.add(acceptedSchema.parse(await response.json()).id);
            } catch {
              // The platform is gone: this one was not acknowledged.
            }
          }
        });
        const deployer = (async () => {
          for (let n = 0; isRunning; n++) {
            const name = `deployed-${round}-${n}`;
            try {
              const response = await current.api('POST', '/api/v1/functions', {
                name,
                files: { 'index.mjs': `export const handler = () => "${name}";` },
              });
              if (response.status === 201) deployed.push(name);
            } catch {
              // Not acknowledged.
            }
            await sleep(20);
          }
        })();
        // A different point of the work each time.
        const before = accepted.size;
        await eventually(() => expect(accepted.size).toBeGreaterThan(before + 20 + (round % 8) * 7));
        await current.kill();
        isRunning = false;
        await Promise.all([...submitters, deployer]);
        platform = await startPlatform({ dataDirectory: folder });
        // Those that were cut off too: whether the first one had been taken is what the caller does not know.
        for (const key of [...keys.keys()].slice(-8)) await submitWithKey(platform, key, keys);
        for (const name of deployed) {
          if (seen.has(name)) continue;
          expect((await platform.api('GET', `/api/v1/functions/${name}`)).status).toBe(200);
          seen.add(name);
        }
      }
      const last = deployed.at(-1);
      if (last !== undefined)
        expect(await (await platform.api('POST', `/api/v1/functions/${last}/invocations`, {})).json()).toBe(last);
      const ofKeys = [...keys.values()].map((ids) => [...ids]);
      expect(ofKeys.filter((ids) => ids.length > 1)).toEqual([]);
      expect(ofKeys.length).toBeGreaterThan(rounds);
      for (const [id] of ofKeys) if (id !== undefined) accepted.add(id);
      const pending = new Set(accepted);
      await eventually(async () => {
        for (const id of pending) {
          const response = await platform.api('GET', `/api/v1/invocations/${id}`);
          expect(response.status, `acknowledged ${id} is missing`).toBe(200);
          const detail = invocationDetailSchema.parse(await response.json());
          expect(detail.status, `${id} after ${detail.attempts} attempts`).toBe('success');
          pending.delete(id);
        }
      }, 120_000);
      expect(accepted.size).toBeGreaterThan(rounds * 20);
      expect(await platform.stop()).toBe(0);
      expect(sandboxProcesses()).toEqual([]);
      expect(mounts()).toBe(mountsBefore);
      // Once more without Hearth: what the file itself says.
      const database = new BetterSqlite3(join(folder, 'hearth.db'), { readonly: true, fileMustExist: true });
      expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
      const done = new Set(database.prepare("select id from invocations where status = 'success'").pluck().all());
      expect([...accepted].filter((id) => !done.has(id))).toEqual([]);
      expect(database.prepare('select count(*) from idempotency_keys').pluck().get()).toBe(ofKeys.length);
      database.close();
    },
    300_000 + rounds * 10_000,
  );

  it('sandboxes die with the platform, and their cgroups are swept at the next start', async () => {
    const platform = await startPlatform({ dataDirectory: folder });
    const source = 'export async function handler() { await new Promise((resolve) => setTimeout(resolve, 60_000)); }';
    await platform.api('POST', '/api/v1/functions', {
      name: 'sleeper',
      files: { 'index.mjs': source },
      maxInstances: 4,
      timeoutMs: 100_000,
    });
    const calls = Array.from(
      { length: 4 },
      async () => await platform.api('POST', '/api/v1/functions/sleeper/invocations', {}).catch(() => undefined),
    );
    const children = (): readonly string[] => descendants(platform.pid);
    await eventually(() => expect(children().length).toBeGreaterThanOrEqual(8));
    const alive = children().map((pid) => ({ pid: Number(pid), startedAt: startTimeOf(Number(pid)) }));
    await platform.kill();
    await Promise.all(calls);
    // A number may be another process by now, and one that has ended may wait for whoever is to notice it.
    const runs = ({ pid, startedAt }: (typeof alive)[number]) =>
      startedAt !== undefined && startTimeOf(pid) === startedAt;
    await eventually(() => expect(alive.filter(runs)).toEqual([]));
    const again = await startPlatform({ dataDirectory: folder });
    expect(cgroupsNaming(platform.pid)).toEqual([]);
    await again.stop();
    expect(cgroupsNaming(again.pid)).toEqual([]);
  });
});

function descendants(pid: number): readonly string[] {
  const children = new Map<string, string[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? '';
      children.set(parent, [...(children.get(parent) ?? []), name]);
    } catch {
      // Gone meanwhile.
    }
  }
  const found: string[] = [];
  const walk = (parent: string): void => {
    for (const child of children.get(parent) ?? []) {
      found.push(child);
      walk(child);
    }
  };
  walk(String(pid));
  return found;
}

/** Control groups whose name carries the platform's pid. */
function cgroupsNaming(pid: number): readonly string[] {
  try {
    return execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-path', `*hearth*${pid}*`], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}
