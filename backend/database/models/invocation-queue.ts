import { createHash, randomBytes } from 'node:crypto';
import { dayMs } from '../../../shared/durations.ts';
import { PlatformError } from '../../../shared/errors.ts';
import type { FunctionId, InvocationId } from '../../../shared/ids.ts';
import {
  errorOfOutcome,
  type InvocationError,
  type InvocationStatus,
  statusOfOutcome,
} from '../../../shared/invocation.ts';
import type { InvocationReport } from '../../core/invocation.ts';
import type {
  Claim,
  Disposition,
  EnqueueResult,
  InvocationQueue,
  NewAsyncInvocation,
} from '../../core/ports/invocation-queue.ts';
import { bufferOf, jsonOrNull } from '../columns.ts';
import { rest, rowsOf, type SqlSession, type Step, touched } from '../sql-session.ts';
import type { InvocationRow, PayloadRow, QueueRow } from '../tables.ts';
import { insertDeadLetter } from './dead-letters.ts';
import { insertNewInvocation } from './invocation-rows.ts';
import { payloadSteps } from './payloads.ts';
import * as statements from './queue-statements.ts';
import { requestSteps, toKeptRequest } from './requests.ts';

/** How long an idempotency key answers with the first invocation. */
const idempotencyKeyLifeMs = dayMs;

type LeasedRow = Omit<QueueRow, 'lease_owner' | 'lease_token'> &
  Pick<
    InvocationRow,
    'function_name' | 'version' | 'qualifier' | 'trigger_kind' | 'created_at' | 'traceparent' | 'replay_of'
  > &
  Pick<PayloadRow, 'body'> & { readonly request_head: string | null; readonly request_body: Uint8Array | null };

/** Where `onReady` hears from; inside a transaction it waits for the commit. */
export interface ReadySource {
  raise(): void;
  on(wake: () => void): () => void;
}

/**
 * Table `invocation_queue` with `invocations`, `payloads`, `idempotency_keys` and `dead_letters`. A row is waiting while
 * it has no lease token, and leased while it has one; what is over has no row. Every change of a leased row is fenced
 * by the token, which is new with every claim:
 *
 * | from    | by                          | to                                                  |
 * |---------|-----------------------------|-----------------------------------------------------|
 * | -       | enqueue                     | waiting                                             |
 * | waiting | claim when due              | leased, attempts + 1                                |
 * | leased  | claim after the lease ended | leased under a new token, attempts + 1              |
 * | leased  | settle retry, releaseOwned  | waiting                                             |
 * | leased  | settle release              | waiting, attempts - 1                               |
 * | leased  | settle done, cancelled, dead-letter | - (dead letters: `dead_letters`)            |
 * | waiting | cancel                      | -                                                   |
 */
export class InvocationQueueModel implements InvocationQueue {
  readonly #session: SqlSession;
  readonly #ready: ReadySource;

  constructor(options: { readonly session: SqlSession; readonly ready: ReadySource }) {
    this.#session = options.session;
    this.#ready = options.ready;
  }

  /** A key lives for 24 hours from `acceptedAt` and belongs to its function. */
  async enqueue(item: NewAsyncInvocation): Promise<EnqueueResult> {
    const steps = this.#enqueueSteps(item);
    const { idempotencyKey: key } = item;
    if (key === undefined) {
      await this.#session.write(steps);
      this.#ready.raise();
      return { id: item.id, isDuplicate: false };
    }
    const hash = createHash('sha256').update(item.payload).digest('hex');
    const name = { function_id: item.functionId, key };
    const results = await this.#session.write([
      this.#session.step(statements.selectKey, name),
      this.#session.step(
        statements.takeKey,
        {
          ...name,
          invocation_id: item.id,
          payload_hash: hash,
          expires_at: item.acceptedAt + idempotencyKeyLifeMs,
          now: item.acceptedAt,
        },
        rest,
      ),
      ...steps,
    ]);
    if (touched(results, 1)) {
      this.#ready.raise();
      return { id: item.id, isDuplicate: false };
    }
    const [first] = rowsOf<{ invocation_id: InvocationId; payload_hash: string }>(results[0]);
    if (first !== undefined && first.payload_hash === hash) return { id: first.invocation_id, isDuplicate: true };
    throw new PlatformError(
      'unprocessable',
      'idempotency_key_reused',
      'This idempotency key was used with another payload; use a new key for a new call.',
    );
  }

  #enqueueSteps(item: NewAsyncInvocation): Step[] {
    return [
      this.#session.step(insertNewInvocation, {
        id: item.id,
        function_id: item.functionId,
        function_name: item.functionName,
        version: item.version,
        qualifier: item.qualifier,
        trigger_kind: item.trigger,
        status: 'queued',
        start_kind: 'none',
        attempts: 0,
        created_at: item.acceptedAt,
        started_at: null,
        finished_at: null,
        http_status: null,
        timing: null,
        usage: null,
        error: null,
        instance_id: null,
        traceparent: item.traceparent ?? null,
        next_attempt_at: item.runAt,
        replay_of: item.replayOf ?? null,
      }),
      ...payloadSteps(this.#session, item.id, 'payload', item.payload),
      ...requestSteps(this.#session, item, item.acceptedAt, item.request),
      this.#session.step(statements.insertQueued, {
        invocation_id: item.id,
        function_id: item.functionId,
        version_id: item.versionId,
        due_at: item.runAt,
        available_at: item.runAt,
        max_attempts: item.maxAttempts,
        expires_at: item.expiresAt,
        depth: item.depth,
        idempotency_key: item.idempotencyKey ?? null,
      }),
    ];
  }

  async claim(
    owner: string,
    max: number,
    leaseMs: number,
    now: number,
    except: readonly FunctionId[] = [],
  ): Promise<readonly Claim[]> {
    if (max < 1) return [];
    const token = randomBytes(16).toString('base64url');
    const lease = { owner, max, now, token, leaseExpiresAt: now + leaseMs, except: JSON.stringify(except) };
    const [, , leased] = await this.#session.write([
      this.#session.step(statements.leaseDue, lease, rest),
      this.#session.step(statements.markRunning, { token, now }),
      this.#session.step(statements.selectLeased, { token }),
    ]);
    return rowsOf<LeasedRow>(leased).map((row) => toClaim(row, token));
  }

  async extend(claim: Claim, leaseExpiresAt: number): Promise<boolean> {
    const step = this.#session.step(statements.extendLease, { ...fence(claim), leaseExpiresAt });
    return touched(await this.#session.write([step]));
  }

  async settle(claim: Claim, disposition: Disposition, now: number): Promise<boolean> {
    const isStillOurs = touched(await this.#session.write(this.#settleSteps(claim, disposition, now)));
    if (isStillOurs && (disposition.kind === 'retry' || disposition.kind === 'release')) this.#ready.raise();
    return isStillOurs;
  }

  /** The first step is fenced; the others are left out when it finds nothing. */
  #settleSteps(claim: Claim, disposition: Disposition, now: number): Step[] {
    const session = this.#session;
    const { id, functionId } = claim.item;
    const owned = fence(claim);
    switch (disposition.kind) {
      case 'done': {
        const { report } = disposition;
        return [
          session.step(statements.deleteLeased, owned, rest),
          this.#attemptStep(id, statusOfOutcome(report.outcome), report, undefined, { finishedAt: now }),
          ...payloadSteps(session, id, 'result', disposition.result),
        ];
      }
      case 'retry':
        return [
          session.step(statements.requeueLeased, { ...owned, dueAt: disposition.runAt }, rest),
          this.#attemptStep(id, 'queued', disposition.report, disposition.error, { nextAttemptAt: disposition.runAt }),
        ];
      case 'dead-letter':
        return [
          session.step(statements.deleteLeased, owned, rest),
          this.#attemptStep(id, 'dead-letter', disposition.report, disposition.error, {
            finishedAt: now,
            isKept: true,
          }),
          session.step(insertDeadLetter, {
            invocation_id: id,
            function_id: functionId,
            reason: disposition.reason,
            dead_at: now,
          }),
        ];
      case 'cancelled':
        return [
          session.step(statements.deleteLeased, owned, rest),
          this.#attemptStep(id, 'cancelled', disposition.report, undefined, { finishedAt: now }),
        ];
      case 'release':
        return [session.step(statements.releaseLeased, owned, rest), session.step(statements.markReleased, { id })];
    }
  }

  #attemptStep(
    id: InvocationId,
    status: InvocationStatus,
    report: InvocationReport | undefined,
    error: InvocationError | undefined,
    ends: { readonly finishedAt?: number; readonly nextAttemptAt?: number; readonly isKept?: boolean },
  ): Step {
    return this.#session.step(statements.storeAttempt, {
      id,
      status,
      // Null leaves what the attempt before it left.
      start_kind: report?.start as InvocationRow['start_kind'],
      finished_at: ends.finishedAt ?? null,
      next_attempt_at: ends.nextAttemptAt ?? null,
      http_status: report?.httpStatus ?? null,
      timing: jsonOrNull(report?.timing),
      usage: jsonOrNull(report?.usage),
      error: jsonOrNull(error ?? (report && errorOfOutcome(report.outcome))),
      instance_id: report?.instanceId ?? null,
      is_kept: ends.isKept === true ? 1 : 0,
    });
  }

  async cancel(id: InvocationId, now: number): Promise<boolean> {
    const error = { type: 'cancelled', message: 'Cancelled before it ran.' };
    return touched(
      await this.#session.write([
        this.#session.step(statements.deleteWaiting, { id }, rest),
        this.#attemptStep(id, 'cancelled', undefined, error, { finishedAt: now }),
      ]),
    );
  }

  /** The attempts that were running count. */
  async releaseOwned(exceptOwner: string): Promise<number> {
    const results = await this.#session.write([
      this.#session.step(statements.markForeignQueued, { owner: exceptOwner }),
      this.#session.step(statements.releaseForeign, { owner: exceptOwner }),
    ]);
    if (touched(results, 1)) this.#ready.raise();
    return results[1]?.changes ?? 0;
  }

  /** Those that wait; the ones that are leased are not counted. */
  async depth(of?: FunctionId | readonly FunctionId[]): Promise<number> {
    const ids = of === undefined || Array.isArray(of) ? (of as readonly FunctionId[] | undefined) : [of as FunctionId];
    const steps =
      ids === undefined
        ? [this.#session.step(statements.countWaiting, {})]
        : ids.map((functionId) => this.#session.step(statements.countWaitingOf, { functionId }));
    if (steps.length === 0) return 0;
    const results = await this.#session.read(steps);
    return results.reduce((sum, result) => sum + Number(result?.rows[0]?.[0] ?? 0), 0);
  }

  /** A lease that is not extended becomes due when it ends. */
  async nextDueAt(except: readonly FunctionId[] = []): Promise<number | undefined> {
    const step =
      except.length === 0
        ? this.#session.step(statements.selectNextDue, {})
        : this.#session.step(statements.selectNextDueExcept, { except: JSON.stringify(except) });
    const [result] = await this.#session.read([step]);
    const at = result?.rows[0]?.[0] ?? null;
    return at === null ? undefined : Number(at);
  }

  async oldestDueAt(of: readonly FunctionId[] | undefined): Promise<number | undefined> {
    if (of === undefined) return this.nextDueAt();
    if (of.length === 0) return undefined;
    const steps = of.map((functionId) => this.#session.step(statements.selectNextDueOf, { functionId }));
    const times = (await this.#session.read(steps)).flatMap(({ rows }) => rows[0]?.[0] ?? []);
    return times.length === 0 ? undefined : Math.min(...times.map(Number));
  }

  /** Also called when the next due time may have moved to the future, so that a timer can be set anew. */
  onReady(wake: () => void): () => void {
    return this.#ready.on(wake);
  }
}

function fence(claim: Claim): { readonly id: InvocationId; readonly token: string } {
  return { id: claim.item.id, token: claim.token };
}

function toClaim(row: LeasedRow, token: string): Claim {
  return {
    item: {
      id: row.invocation_id,
      functionId: row.function_id,
      functionName: row.function_name,
      versionId: row.version_id,
      version: row.version,
      qualifier: row.qualifier,
      trigger: row.trigger_kind,
      payload: bufferOf(row.body),
      acceptedAt: row.created_at,
      runAt: row.due_at,
      maxAttempts: row.max_attempts,
      expiresAt: row.expires_at,
      idempotencyKey: row.idempotency_key ?? undefined,
      traceparent: row.traceparent ?? undefined,
      depth: row.depth,
      replayOf: row.replay_of ?? undefined,
      request: toKeptRequest({ head: row.request_head, body: row.request_body, response_body: null }),
    },
    attempt: row.attempts,
    token,
    leaseExpiresAt: row.available_at,
  };
}
