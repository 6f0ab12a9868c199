import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTimeOf } from '../../backend/execution-engine/drivers/support/process-tree.ts';
import { statFields } from '../../backend/util/process-stat.ts';
import { acceptedSchema, invocationDetailSchema } from '../../shared/api/invocations.ts';
import { sayProgress } from '../support/long-run.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { markOf, processesOfHost, tracesOf } from '../support/sandbox-traces.ts';

const usualRounds = 8;
/** More for a long run: HEARTH_TEST_KILL_ROUNDS=1000. */
const rounds = Number(process.env['HEARTH_TEST_KILL_ROUNDS'] ?? usualRounds);
/** No further round begins after HEARTH_TEST_KILL_MINUTES: what was done until then is looked at as if it were all. */
const longestMs = Number(process.env['HEARTH_TEST_KILL_MINUTES'] ?? Number.POSITIVE_INFINITY) * 60_000;
/** Acknowledged before each kill, at least; a million in all are HEARTH_TEST_KILL_EVENTS=1000 in a thousand rounds. */
const eventsPerRound = Number(process.env['HEARTH_TEST_KILL_EVENTS'] ?? 20);
/** Enough connections that so many events take a part of a second. */
const callers = Math.min(32, Math.max(4, Math.round(eventsPerRound / 25)));
/** As many deployments per event as there are in a short round. */
const deployEveryMs = Math.max(20, eventsPerRound / 5);
/** A round on a busy machine, and what is left to do at the end. */
const roundMs = 60_000 + eventsPerRound * 20;
/** Looked at through the API at the end, so many at a time; all others in the file. */
const mostAsked = 2000;
const askedAtOnce = 16;
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-kill-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Mounts of this host that belong to this test's platforms: sandboxes have theirs to themselves. */
const mounts = (): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(folder));

/** Those of the processes that still run. */
function remainingOf(marks: ReadonlySet<string>): readonly string[] {
  const running = processesOfHost();
  return [...marks].filter((mark) => running.has(mark));
}

/** Opens the platform's file without Hearth: what it says, and not what the platform makes of it. */
function databaseOf(directory: string): BetterSqlite3.Database {
  return new BetterSqlite3(join(directory, 'hearth.db'), { readonly: true, fileMustExist: true });
}

/** At most so many of them, evenly spread. */
function sampleOf(ids: ReadonlySet<string>, most: number): Set<string> {
  const step = Math.max(1, ids.size / most);
  const all = [...ids];
  return new Set(Array.from({ length: Math.min(most, all.length) }, (_, i) => all[Math.floor(i * step)] ?? ''));
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
    async (context) => {
      const accepted = new Set<string>();
      /** What each idempotency key was answered with, by whoever used it. */
      const keys = new Map<string, Set<string>>();
      const deployed: string[] = [];
      /** Every process that was below a platform when it was killed. */
      const below = new Set<string>();
      let platform: Platform = await startPlatform({ dataDirectory: folder });
      const source =
        // Each execution leaves a line, by which one that ran twice under one number would show.
        'export async function handler(event, { attempt }) { console.log("attempt " + attempt); await new Promise((resolve) => setTimeout(resolve, event.ms)); return event.n; }';
      const first = await platform.api('POST', '/api/v1/functions', {
        name: 'work',
        files: { 'index.mjs': source },
        concurrency: 8,
        retry: { maxAttempts: 20, maxAgeMs: 24 * 3_600_000, minBackoffMs: 10, maxBackoffMs: 50 },
      });
      expect(first.status, await first.clone().text()).toBe(201);
      const seen = new Set<string>();
      const startedAt = performance.now();
      let kills = 0;
      for (let round = 0; round < rounds && performance.now() - startedAt < longestMs; round++) {
        const current = platform;
        const refusals: string[] = [];
        let isRunning = true;
        const submitters = Array.from({ length: callers }, async (_, worker) => {
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
              else refusals.push(`${response.status} ${await response.text()}`);
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
            await sleep(deployEveryMs);
          }
        })();
        // A different point of the work each time.
        const before = accepted.size;
        const enough = eventsPerRound + (round % 8) * 7;
        const about = () => `round ${round}: ${refusals.slice(-3).join('; ')}\n${current.output()}`;
        await eventually(() => expect(accepted.size, about()).toBeGreaterThan(before + enough), roundMs);
        for (const pid of descendants(current.pid)) below.add(markOf(Number(pid)));
        await current.kill();
        kills++;
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
        sayProgress(rounds > usualRounds, `${kills} kills, ${accepted.size} acknowledged, ${deployed.length} deployed`);
      }
      const last = deployed.at(-1);
      if (last !== undefined)
        expect(await (await platform.api('POST', `/api/v1/functions/${last}/invocations`, {})).json()).toBe(last);
      const ofKeys = [...keys.values()].map((ids) => [...ids]);
      expect(ofKeys.filter((ids) => ids.length > 1)).toEqual([]);
      expect(ofKeys.length).toBeGreaterThan(kills);
      for (const [id] of ofKeys) if (id !== undefined) accepted.add(id);
      const open = databaseOf(folder);
      const unfinished = open.prepare("select count(*) from invocations where status in ('queued', 'running')").pluck();
      await eventually(() => expect(unfinished.get()).toBe(0), 120_000 + rounds * roundMs);
      open.close();
      const pending = sampleOf(accepted, mostAsked);
      const askOnes = async (ids: readonly string[]) => {
        for (const id of ids) {
          const response = await platform.api('GET', `/api/v1/invocations/${id}`);
          expect(response.status, `acknowledged ${id} is missing`).toBe(200);
          const detail = invocationDetailSchema.parse(await response.json());
          expect(detail.status, `${id} after ${detail.attempts} attempts`).toBe('success');
          pending.delete(id);
        }
      };
      await eventually(async () => {
        const left = [...pending];
        const shares = Array.from({ length: askedAtOnce }, (_, i) => left.filter((_, at) => at % askedAtOnce === i));
        await Promise.all(shares.map(askOnes));
      }, 120_000);
      expect(kills).toBeGreaterThan(0);
      expect(accepted.size).toBeGreaterThan(kills * eventsPerRound);
      expect(await platform.stop()).toBe(0);
      expect(below.size).toBeGreaterThan(kills);
      await eventually(() => expect(remainingOf(below)).toEqual([]));
      expect(mounts()).toEqual([]);
      // Once more without Hearth: what the file itself says.
      const database = databaseOf(folder);
      expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
      const done = new Set(database.prepare("select id from invocations where status = 'success'").pluck().all());
      expect([...accepted].filter((id) => !done.has(id))).toEqual([]);
      expect(database.prepare('select count(*) from idempotency_keys').pluck().get()).toBe(ofKeys.length);
      const executions = database.prepare(
        "select invocation_id as id, text, count(*) as times from logs where text like 'attempt %' group by 1, 2",
      );
      const ran = executions.all() as readonly { readonly id: string; readonly text: string; readonly times: number }[];
      expect(ran.filter(({ times }) => times > 1)).toEqual([]);
      expect(ran.length).toBeGreaterThan(kills);
      const again = ran.filter(({ text }) => text !== 'attempt 1').length;
      const figures = `${accepted.size} acknowledged and ${deployed.length} deployed in ${kills} kills, none lost`;
      await context.annotate(`${figures}; ${ran.length} executions on record, ${again} of them later attempts`);
      database.close();
    },
    300_000 + 2 * rounds * roundMs,
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
    const groups = groupsOf(children());
    const alive = children().map((pid) => ({ pid: Number(pid), startedAt: startTimeOf(Number(pid)) }));
    await platform.kill();
    await Promise.all(calls);
    // A number may be another process by now, and one that has ended may wait for whoever is to notice it.
    const runs = ({ pid, startedAt }: (typeof alive)[number]) =>
      startedAt !== undefined && startTimeOf(pid) === startedAt;
    await eventually(() => expect(alive.filter(runs)).toEqual([]));
    const again = await startPlatform({ dataDirectory: folder });
    expect(groups.filter(isThere)).toEqual([]);
    await again.api('POST', '/api/v1/functions/work/invocations', { n: 1, ms: 0 });
    const ofAgain = groupsOf(descendants(again.pid));
    // Where sandboxes have control groups on this host, those of either are known.
    expect(ofAgain.length > 0).toBe(groups.length > 0);
    await again.stop();
    expect(ofAgain.filter(isThere)).toEqual([]);
  });
});

function descendants(pid: number): readonly string[] {
  const children = new Map<string, string[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const parent = statFields(readFileSync(`/proc/${name}/stat`, 'utf8'))(4) ?? '';
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

/** A directory of a control group; another one may have the same name later. */
interface Group {
  readonly path: string;
  readonly inode: number;
}

/** The control groups of the sandboxes that these processes are in. */
function groupsOf(pids: readonly string[]): readonly Group[] {
  const paths = new Set(pids.flatMap((pid) => tracesOf(Number(pid)).directories));
  return [...paths]
    .filter((path) => path.startsWith('/sys/fs/cgroup/'))
    .flatMap((path) => {
      const inode = inodeOf(path);
      return inode === undefined ? [] : [{ path, inode }];
    });
}

const inodeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;
const isThere = ({ path, inode }: Group): boolean => inodeOf(path) === inode;
