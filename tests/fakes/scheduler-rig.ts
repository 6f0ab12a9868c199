import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Invocation } from '../../backend/core/invocation.ts';
import type { Clock } from '../../backend/core/ports/clock.ts';
import type { FunctionDirectory } from '../../backend/core/ports/function-directory.ts';
import type { NewAsyncInvocation } from '../../backend/core/ports/invocation-queue.ts';
import type { InvocationPayload, InvocationRecord, Store } from '../../backend/core/ports/store.ts';
import type { VersionSpec } from '../../backend/core/version.ts';
import { openSqliteStore } from '../../backend/database/sqlite/open-sqlite-store.ts';
import { LocalScheduler } from '../../backend/scheduler/local-scheduler.ts';
import { RequestCapture } from '../../backend/scheduler/request-capture.ts';
import { defaultSchedulerSettings, type SchedulerSettings } from '../../backend/scheduler/scheduler-settings.ts';
import { PlatformError } from '../../shared/errors.ts';
import { type FunctionId, newId } from '../../shared/ids.ts';
import { noSecrets } from '../support/no-secrets.ts';
import { invocationOf, KeepingSink, type PoolRigOptions, poolRig, quietLogger } from './pool-rig.ts';

/** A directory that knows exactly the versions it was given; every alias names the newest. */
export class ListDirectory implements FunctionDirectory {
  readonly versions: VersionSpec[] = [];
  readonly disabledNames = new Set<string>();

  matchRoute(): { readonly kind: 'none' } {
    return { kind: 'none' };
  }

  resolve(functionName: string, qualifier: string) {
    if (this.disabledNames.has(functionName)) throw new PlatformError('unavailable', 'function_disabled', 'disabled');
    const versions = this.versions.filter((version) => version.functionName === functionName);
    const version = versions.find((one) => String(one.version) === qualifier) ?? versions.at(-1);
    if (version === undefined) throw new PlatformError('not_found', 'function_not_found', 'no such function');
    return { version, qualifier };
  }

  disabled(): ReadonlySet<FunctionId> {
    const versions = this.versions.filter(({ functionName }) => this.disabledNames.has(functionName));
    return new Set(versions.map(({ functionId }) => functionId));
  }
}

export interface SchedulerRigOptions extends PoolRigOptions {
  readonly scheduler?: Partial<SchedulerSettings>;
  /** Continue on another rig's database. */
  readonly store?: Store;
}

/** A real scheduler and pool over the fake driver and a SQLite file. */
export async function schedulerRig(options: SchedulerRigOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-scheduler-'));
  const rig = poolRig(options);
  const { clock } = rig;
  const store =
    options.store ?? (await openSqliteStore({ path: join(folder, 'hearth.db'), clock, logger: quietLogger }));
  if (options.store === undefined) await store.migrate();
  const directory = new ListDirectory();
  const records: { record: InvocationRecord; payload: InvocationPayload | undefined }[] = [];
  const makeScheduler = (owner: string) =>
    new LocalScheduler({
      pool: rig.pool,
      queue: store.queue,
      schedules: store.schedules,
      functions: store.functions,
      directory,
      journal: {
        append: (record, payload) => void records.push({ record, payload }),
        pending: () => undefined,
        flush: () => Promise.resolve(),
        dropped: 0,
      },
      capture: new RequestCapture({ isOn: true, secrets: noSecrets, clock }),
      metrics: { record: (event) => void rig.events.push(event), flush: () => Promise.resolve() },
      clock,
      logger: quietLogger,
      owner,
      settings: { ...defaultSchedulerSettings, ...options.scheduler },
    });
  const scheduler = makeScheduler('first');
  const close = async () => {
    await scheduler.drain(clock.now());
    await rig.pool.drain(clock.now());
    if (options.store === undefined) await store.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...rig, store, directory, records, scheduler, makeScheduler, close };
}

export type SchedulerRig = Awaited<ReturnType<typeof schedulerRig>>;

/** Calls synchronously and tells everything there is to know. */
export function callOf(rig: SchedulerRig, version: VersionSpec, event: unknown, more: Partial<Invocation> = {}) {
  const sink = new KeepingSink();
  const caller = new AbortController();
  const invocation = invocationOf(version, event, rig.clock, more);
  const report = rig.scheduler.invoke(invocation, sink, caller.signal);
  // A test that looks later must not be punished with an unhandled rejection.
  report.catch(() => undefined);
  return { sink, caller, invocation, report };
}

export function itemOf(
  version: VersionSpec,
  event: unknown,
  clock: Clock,
  more: Partial<NewAsyncInvocation> = {},
): NewAsyncInvocation {
  const now = clock.now();
  return {
    id: newId('invocation'),
    functionId: version.functionId,
    functionName: version.functionName,
    versionId: version.versionId,
    version: version.version,
    qualifier: 'live',
    trigger: 'async',
    payload: Buffer.from(JSON.stringify(event)),
    acceptedAt: now,
    runAt: now,
    maxAttempts: version.config.retry.maxAttempts,
    expiresAt: now + version.config.retry.maxAgeMs,
    idempotencyKey: undefined,
    traceparent: undefined,
    depth: 0,
    replayOf: undefined,
    ...more,
  };
}
