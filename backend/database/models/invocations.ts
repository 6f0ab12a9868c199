import { type Selectable, sql } from 'kysely';
import type { InvocationId } from '../../../shared/ids.ts';
import { prefixOf } from '../../../shared/names.ts';
import type {
  InvocationFilter,
  InvocationPayload,
  InvocationRecord,
  InvocationStore,
  Page,
  PageRequest,
  RequestBounds,
} from '../../core/ports/store.ts';
import { bufferOf } from '../columns.ts';
import type { RequestRow } from '../request-row.ts';
import { rest, rowsOf, type SqlSession, type Step } from '../sql-session.ts';
import type { InvocationRow, PayloadRow } from '../tables.ts';
import { template } from '../template.ts';
import { DeadLetterModel } from './dead-letters.ts';
import { listInvocations } from './invocation-list.ts';
import { insertInvocation, toInvocationRecord, toInvocationRow } from './invocation-rows.ts';
import { payloadSteps } from './payloads.ts';
import { deleteInSteps } from './prune.ts';
import { pruneRequests, requestSteps, toKeptRequest } from './requests.ts';

const selectInvocation = template<{ readonly id: InvocationId }>((db, slot) =>
  db.selectFrom('invocations').selectAll().where('id', '=', slot.id),
);
/** Reads no more of one that is another project's than it takes to see that. */
const selectOwnInvocation = template<{ readonly id: InvocationId; readonly prefix: string }>((db, slot, flavour) =>
  db
    .selectFrom('invocations')
    .selectAll()
    .where('id', '=', slot.id)
    .where(({ ref }) => sql<boolean>`${flavour.projectPrefix(ref('function_name'))} = ${slot.prefix}`),
);
const selectPayloads = template<{ readonly id: InvocationId }>((db, slot) =>
  db.selectFrom('payloads').select(['kind', 'body']).where('invocation_id', '=', slot.id),
);

const selectRequest = template<{ readonly id: InvocationId }>((db, slot) =>
  db.selectFrom('requests').select(['head', 'body', 'response_body']).where('invocation_id', '=', slot.id),
);

/** Table `invocations`, with `payloads`, `requests` and, for its list, `dead_letters`. */
export class InvocationModel implements InvocationStore {
  readonly #session: SqlSession;
  readonly #deadLetters: DeadLetterModel;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
    this.#deadLetters = new DeadLetterModel(options);
  }

  async record(
    batch: readonly { readonly record: InvocationRecord; readonly payload: InvocationPayload | undefined }[],
  ): Promise<void> {
    if (batch.length === 0) return;
    const steps: Step[] = [];
    for (const { record, payload } of batch) {
      const bodies = [
        ...payloadSteps(this.#session, record.id, 'payload', payload?.payload),
        ...payloadSteps(this.#session, record.id, 'result', payload?.result),
        ...requestSteps(this.#session, record, record.createdAt, payload?.request),
      ];
      steps.push(this.#session.step(insertInvocation, toInvocationRow(record), bodies.length), ...bodies);
    }
    await this.#session.write(steps);
  }

  async find(id: InvocationId, project?: string): Promise<(InvocationRecord & InvocationPayload) | undefined> {
    const record =
      project === undefined
        ? this.#session.step(selectInvocation, { id }, rest)
        : this.#session.step(selectOwnInvocation, { id, prefix: prefixOf(project) }, rest);
    const steps = [record, this.#session.step(selectPayloads, { id }), this.#session.step(selectRequest, { id })];
    const [records, bodies, requests] = await this.#session.read(steps);
    const [row] = rowsOf<Selectable<InvocationRow>>(records);
    if (row === undefined) return undefined;
    const kept = rowsOf<Pick<PayloadRow, 'kind' | 'body'>>(bodies);
    const bodyOf = (kind: PayloadRow['kind']) => {
      const body = kept.find((candidate) => candidate.kind === kind)?.body;
      return body && bufferOf(body);
    };
    const [requestRow] = rowsOf<Pick<RequestRow, 'head' | 'body' | 'response_body'>>(requests);
    const request = requestRow && toKeptRequest(requestRow);
    const found = { ...toInvocationRecord(row), payload: bodyOf('payload'), result: bodyOf('result') };
    return request === undefined ? found : { ...found, request, hasRequest: true };
  }

  list(filter: InvocationFilter, page: PageRequest): Promise<Page<InvocationRecord>> {
    return listInvocations(this.#session, filter, page);
  }

  deadLetters(...request: Parameters<InvocationStore['deadLetters']>): ReturnType<InvocationStore['deadLetters']> {
    return this.#deadLetters.list(...request);
  }

  countDeadLetters(...request: Parameters<InvocationStore['countDeadLetters']>): Promise<number> {
    return this.#deadLetters.count(...request);
  }

  removeDeadLetter(id: InvocationId): Promise<boolean> {
    return this.#deadLetters.remove(id);
  }

  /** Idempotency keys that have run out go too; they are not counted. */
  async prune(before: number): Promise<number> {
    const invocations = await deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('invocations')
        .where(({ eb, selectFrom }) =>
          eb(
            'seq',
            'in',
            selectFrom('invocations')
              .select('seq')
              .where('finished_at', '<', before)
              .where(sql<boolean>`finished_at is not null and is_kept = 0`)
              .orderBy('finished_at')
              .limit(limit),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
    await deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('idempotency_keys')
        .where(({ eb, refTuple, selectFrom }) =>
          eb(
            refTuple('function_id', 'key'),
            'in',
            selectFrom('idempotency_keys')
              .select(['function_id', 'key'])
              .where('expires_at', '<', before)
              .limit(limit)
              .$asTuple('function_id', 'key'),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
    return invocations;
  }

  pruneRequests(bounds: RequestBounds): Promise<number> {
    return pruneRequests(this.#session, bounds);
  }
}
