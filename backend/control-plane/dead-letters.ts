import { PlatformError } from '../../shared/errors.ts';
import { type FunctionId, type InvocationId, idPattern } from '../../shared/ids.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { SubmitResult } from '../core/ports/scheduler.ts';
import type { DeadLetterRecord, Page, PageRequest, Store } from '../core/ports/store.ts';
import { type Actor, auditRecord } from './audit.ts';
import type { InMemoryFunctionDirectory } from './function-directory.ts';
import type { Invocations } from './invocations.ts';

export interface DeadLettersOptions {
  readonly store: Store;
  readonly directory: InMemoryFunctionDirectory;
  readonly invocations: Invocations;
  readonly clock: Clock;
}

const redrivePage = 100;
const maxRedrivenAtOnce = 10_000;

/** Asynchronous invocations that were given up, kept with their payload. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Of a project or of one of its functions. Throws `not_found`/`function_not_found` for a name that is not there. */
  async list(project: string, functionName: string | undefined, page: PageRequest): Promise<Page<DeadLetterRecord>> {
    const functionId = functionName === undefined ? undefined : this.#options.directory.get(functionName).record.id;
    return this.#options.store.invocations.deadLetters({ project, functionId }, page);
  }

  /** Submits it again as a new invocation and takes it off the list. */
  async redrive(project: string, id: string, actor: Actor): Promise<SubmitResult> {
    const invocation = await this.#find(project, id);
    if (invocation?.status !== 'dead-letter' || invocation.payload === undefined) throw notFound();
    return this.#redriveOne({ invocation, payload: invocation.payload, request: invocation.request }, actor);
  }

  /** Redrives the dead letters of a function, at most 10,000 at once; returns how many, and whether that was all. */
  async redriveAll(functionName: string, actor: Actor): Promise<{ redriven: number; isComplete: boolean }> {
    const functionId: FunctionId = this.#options.directory.get(functionName).record.id;
    this.#options.invocations.resolve(functionName, 'live');
    let redriven = 0;
    while (redriven < maxRedrivenAtOnce) {
      // Each page is the first one: what was redriven is no longer on the list.
      const page = await this.#options.store.invocations.deadLetters(
        { functionId },
        { limit: redrivePage, cursor: undefined },
      );
      for (const deadLetter of page.items) await this.#redriveOne(deadLetter, actor);
      redriven += page.items.length;
      if (page.items.length < redrivePage) return { redriven, isComplete: true };
    }
    return { redriven, isComplete: false };
  }

  async remove(project: string, id: string, actor: Actor): Promise<void> {
    const { store, clock } = this.#options;
    const found = await this.#find(project, id);
    const isRemoved = found !== undefined && (await store.invocations.removeDeadLetter(found.id));
    if (!isRemoved) throw notFound();
    const before = { function: found.functionName, attempts: found.attempts };
    await store.audit.append(auditRecord(clock.now(), actor, 'dead-letter.delete', id, { before }));
  }

  async #find(project: string, id: string) {
    return idPattern.test(id) ? await this.#options.store.invocations.find(id as InvocationId, project) : undefined;
  }

  /** The idempotency key makes a crash between the two writes harmless: redriving again finds the first. */
  async #redriveOne(
    { invocation, payload, request }: Omit<DeadLetterRecord, 'reason' | 'deadAt'>,
    actor: Actor,
  ): Promise<SubmitResult> {
    const { store, invocations, clock } = this.#options;
    const resolution = invocations.resolve(invocation.functionName, invocation.qualifier);
    const submitted = await invocations.submit(resolution, payload, {
      trigger: 'replay',
      delayMs: 0,
      idempotencyKey: `redrive:${invocation.id}`,
      traceparent: undefined,
      callChain: undefined,
      replayOf: invocation.id,
      request,
    });
    await store.invocations.removeDeadLetter(invocation.id);
    const detail = { redriven: submitted.id };
    await store.audit.append(auditRecord(clock.now(), actor, 'dead-letter.redrive', invocation.id, detail));
    return submitted;
  }
}

function notFound(): PlatformError {
  return new PlatformError('not_found', 'dead_letter_not_found', 'there is no such dead letter');
}
