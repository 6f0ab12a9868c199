import type { InvocationId } from '../../../shared/ids.ts';
import type { SqlSession, Step } from '../sql-session.ts';
import type { PayloadRow } from '../tables.ts';
import { template } from '../template.ts';

const insertPayload = template<PayloadRow>((db, slot) =>
  db
    .insertInto('payloads')
    .values({ invocation_id: slot.invocation_id, kind: slot.kind, body: slot.body })
    .onConflict((on) => on.columns(['invocation_id', 'kind']).doNothing()),
);

/** The step that stores what went in or came out, or none when it was not kept. */
export function payloadSteps(
  session: SqlSession,
  id: InvocationId,
  kind: PayloadRow['kind'],
  body: Buffer | undefined,
): Step[] {
  return body === undefined ? [] : [session.step(insertPayload, { invocation_id: id, kind, body })];
}
