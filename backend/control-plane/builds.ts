import { z } from 'zod';
import { buildErrorSchema } from '../../shared/api/build-errors.ts';
import type { BuildSource } from '../../shared/api/builds.ts';
import { isOver } from '../../shared/build-states.ts';
import { PlatformError } from '../../shared/errors.ts';
import { type BuildId, idPattern, newId } from '../../shared/ids.ts';
import { limits } from '../../shared/limits.ts';
import { projectOf, shortNameOf } from '../../shared/names.ts';
import type { BuildListFilter, StoredBuild, StoredFailure, StoredLine } from '../core/ports/build-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Page, PageRequest, Store } from '../core/ports/store.ts';
import { ActiveBuild, buildCancelled } from './active-build.ts';
import { type Actor, auditRecord } from './audit.ts';
import type { InMemoryFunctionDirectory } from './function-directory.ts';

export interface BuildsOptions {
  readonly store: Pick<Store, 'builds' | 'audit' | 'transaction'>;
  readonly directory: Pick<InMemoryFunctionDirectory, 'get' | 'onChange'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface BuildRequest {
  /** The full name. */
  readonly functionName: string;
  readonly message: string;
  readonly by: string;
  readonly source: BuildSource;
  /** Aborts when whoever waits for it is gone. Undefined: nobody waits, and only so many of these go on at a time. */
  readonly signal: AbortSignal | undefined;
}

/** A build that has begun. */
export interface StartedBuild<T> {
  readonly build: ActiveBuild;
  /** Rejects with what ended it. Need not be waited for. */
  readonly done: Promise<T>;
}

const maxMessageChars = 4000;
const maxIssues = 50;

/** Keeps how versions came about, or did not: while they are built in memory, from their end on in the store. */
export class Builds {
  readonly #options: BuildsOptions;
  readonly #active = new Map<string, ActiveBuild>();
  #isClosing = false;

  constructor(options: BuildsOptions) {
    this.#options = options;
    options.directory.onChange(({ record }, isRemoved) => {
      if (isRemoved) this.#cancelOf(record.name);
    });
  }

  /** Marks what an earlier platform did not finish as failed. Before anything is built. */
  async recover(): Promise<void> {
    const { store, clock, logger } = this.#options;
    const left = await store.builds.unfinished();
    for (const record of left) {
      const error = failureOf(platformStopped());
      await store.builds.finish({ ...record, state: 'failed', finishedAt: clock.now(), error }, []);
    }
    if (left.length > 0) logger.warn({ builds: left.length }, 'builds were cut off when the platform stopped');
  }

  /**
   * Begins a build. `work` tells the build how it goes on, stores it as `ready` with what it made, and resolves. Rejects with
   * `throttled`/`too_many_builds` (nobody waits for it, and many go on), `unavailable`/`platform_stopped`.
   */
  async start<T>(request: BuildRequest, work: (build: ActiveBuild) => Promise<T>): Promise<StartedBuild<T>> {
    const { store, clock } = this.#options;
    if (this.#isClosing) throw platformStopped();
    if (request.signal === undefined && this.#active.size >= limits.maxUnattendedBuilds) throw tooManyBuilds();
    const { signal, by, ...described } = request;
    const createdAt = clock.now();
    const record: StoredBuild = {
      ...described,
      ...{ id: newId('build', createdAt), state: 'queued', steps: [], createdAt, finishedAt: undefined },
      ...{ createdBy: by, version: undefined, error: undefined },
    };
    const build = new ActiveBuild({ record, clock, signal });
    this.#active.set(record.id, build);
    try {
      await store.builds.create(record);
    } catch (error) {
      this.#active.delete(record.id);
      throw error;
    }
    const done = this.#run(build, work);
    done.catch(() => undefined);
    return { build, done };
  }

  /** Of a project, or of one function of it, newest first. Rejects with `not_found`/`function_not_found` when nothing has that name. */
  async list(filter: BuildListFilter, page: PageRequest): Promise<Page<StoredBuild>> {
    const { store, directory } = this.#options;
    const { items, nextCursor } = await store.builds.list(filter, page);
    if (items.length === 0 && filter.functionName !== undefined) directory.get(filter.functionName);
    return { items: items.map((record) => this.#active.get(record.id)?.record ?? record), nextCursor };
  }

  /** Rejects with `not_found`/`build_not_found`. */
  async get(project: string, id: string): Promise<StoredBuild> {
    const active = this.active(project, id);
    if (active !== undefined) return active.record;
    const found = idPattern.test(id) ? await this.#options.store.builds.find(project, id as BuildId) : undefined;
    if (found !== undefined) return found;
    const message =
      'there is no such build; builds go with their function, when newer ones take their place, and with age';
    throw new PlatformError('not_found', 'build_not_found', message);
  }

  /** One that goes on. */
  active(project: string, id: string): ActiveBuild | undefined {
    const build = this.#active.get(id);
    return build !== undefined && projectOf(build.record.functionName) === project ? build : undefined;
  }

  /** With the lines so far. Rejects as `get`. */
  async log(
    project: string,
    id: string,
  ): Promise<{ readonly build: StoredBuild; readonly lines: readonly StoredLine[] }> {
    const active = this.active(project, id);
    if (active !== undefined) return { build: active.record, lines: [...active.lines] };
    const build = await this.get(project, id);
    return { build, lines: await this.#options.store.builds.log(build.id) };
  }

  /** Resolves when nothing of it runs any more. Rejects as `get`, and with `conflict`/`build_over` when it was too late. */
  async cancel(project: string, id: string, actor: Actor): Promise<void> {
    const { store, clock } = this.#options;
    const active = this.active(project, id);
    active?.cancel(buildCancelled(`${actor.name} asked for it`));
    await active?.ended;
    const { state, functionName } = active?.record ?? (await this.get(project, id));
    if (active === undefined || state === 'ready')
      throw new PlatformError('conflict', 'build_over', `this build is over already: ${state}`);
    const detail = { function: shortNameOf(functionName) };
    await store.audit.append(auditRecord(clock.now(), actor, 'build.cancel', id, detail));
  }

  /** Lets builds end by themselves for so long, then ends them. No more begin. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const all = Promise.all([...this.#active.values()].map((build) => build.ended));
    const over = new AbortController();
    const patience = this.#options.clock.sleep(graceMs, over.signal).catch(() => undefined);
    await Promise.race([all, patience]);
    over.abort();
    for (const build of this.#active.values()) build.cancel(platformStopped());
    await all;
  }

  async #run<T>(build: ActiveBuild, work: (build: ActiveBuild) => Promise<T>): Promise<T> {
    try {
      const result = await work(build);
      if (!isOver(build.record.state))
        throw new PlatformError('internal', 'build_broke', 'a build ended without an end');
      return result;
    } catch (error) {
      if (!isOver(build.record.state)) await this.#fail(build, error);
      throw error;
    } finally {
      this.#active.delete(build.record.id);
    }
  }

  async #fail(build: ActiveBuild, error: unknown): Promise<void> {
    const { store, logger } = this.#options;
    const failure = failureOf(error);
    const isCancelled = build.signal.aborted && failure.code !== 'platform_stopped';
    const record = build.over(isCancelled ? 'cancelled' : 'failed', { version: undefined, error: failure });
    await store
      .transaction((tx) => storeEnd(tx, record, build.lines))
      .catch((cause: unknown) => {
        logger.warn({ err: cause, build: record.id }, 'how a build ended could not be stored');
      });
    build.end(record);
  }

  #cancelOf(functionName: string): void {
    for (const build of this.#active.values()) {
      if (build.record.functionName === functionName) build.cancel(buildCancelled('the function was deleted'));
    }
  }
}

/** Writes how a build ended, in the place of the oldest that its function has too many. Inside a transaction. */
export async function storeEnd(
  { builds }: Pick<Store, 'builds'>,
  record: StoredBuild,
  lines: readonly StoredLine[],
): Promise<void> {
  await builds.finish(record, lines);
  await builds.keepNewest(record.functionName, limits.maxBuildsPerFunction);
}

function failureOf(error: unknown): StoredFailure {
  if (!(error instanceof PlatformError) || error.kind === 'internal') {
    const code = error instanceof PlatformError ? error.code : 'internal_error';
    const message = 'something went wrong inside the platform; its log says what';
    return { kind: 'internal', code, message, errors: [], buildErrors: [] };
  }
  const places = z.array(buildErrorSchema).safeParse(error.detail['buildErrors']);
  return {
    kind: error.kind,
    code: error.code,
    message: error.message.slice(0, maxMessageChars),
    errors: error.issues.slice(0, maxIssues).map(({ path, message }) => ({ path, message: message.slice(0, 1000) })),
    buildErrors: places.data ?? [],
  };
}

function platformStopped(): PlatformError {
  const message = 'the platform stopped during this build; deploy again';
  return new PlatformError('unavailable', 'platform_stopped', message, { retryAfterSeconds: 5 });
}

function tooManyBuilds(): PlatformError {
  const message = `${limits.maxUnattendedBuilds} builds go on already; try again when some are over`;
  return new PlatformError('throttled', 'too_many_builds', message, { retryAfterSeconds: 10 });
}
