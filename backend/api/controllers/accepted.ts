import type { FastifyReply } from 'fastify';
import type { Accepted } from '../../../shared/api/invocations.ts';
import type { SubmitResult } from '../../core/ports/scheduler.ts';

/** 202 with the address of the invocation, which is on disk now. */
export function sendAccepted(reply: FastifyReply, submitted: SubmitResult): FastifyReply {
  const location = `/api/v1/invocations/${submitted.id}`;
  const body: Accepted = { id: submitted.id, status: 'queued', location };
  reply.header('location', location);
  reply.header('hearth-invocation-id', submitted.id);
  if (submitted.isDuplicate) reply.header('idempotency-replayed', 'true');
  return reply.code(202).send(body);
}
