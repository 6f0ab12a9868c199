import type { FastifyReply, FastifyRequest } from 'fastify';
import { PlatformError } from '../../../shared/errors.ts';
import { headerPairs, httpMessageType, messageHead } from '../../../shared/http-message.ts';
import type { FunctionFault, InvocationOutcome, PlatformFault } from '../../../shared/invocation.ts';
import { serverTiming } from '../../../shared/phases.ts';
import type { CallContext } from '../../control-plane/invocations.ts';
import type { Invocation, InvocationReport, ResponseHead } from '../../core/invocation.ts';
import type { Resolution } from '../../core/ports/function-directory.ts';
import { CallResponse } from '../call-response.ts';
import type { ApiContext } from '../context.ts';
import { disconnectSignal } from './deploy.ts';

/** How each fault of a function is answered. */
const functionFaultErrors: Readonly<Record<FunctionFault, { kind: 'function_error' | 'timed_out'; code: string }>> = {
  timeout: { kind: 'timed_out', code: 'function_timeout' },
  'out-of-memory': { kind: 'function_error', code: 'out_of_memory' },
  exited: { kind: 'function_error', code: 'function_exited' },
  'init-failed': { kind: 'function_error', code: 'init_failed' },
  'init-timeout': { kind: 'timed_out', code: 'init_timeout' },
  'response-too-large': { kind: 'function_error', code: 'response_too_large' },
  'bad-response': { kind: 'function_error', code: 'bad_response' },
};
const platformFaultErrors: Readonly<Record<PlatformFault, { kind: 'unavailable'; code: string }>> = {
  'sandbox-lost': { kind: 'unavailable', code: 'sandbox_lost' },
  capacity: { kind: 'unavailable', code: 'no_capacity' },
  driver: { kind: 'unavailable', code: 'driver_failed' },
  'shutting-down': { kind: 'unavailable', code: 'draining' },
  protocol: { kind: 'unavailable', code: 'protocol_violation' },
};

/** What a failed call is answered with, for callers who may see the function's own error. */
function errorOfCall(outcome: Exclude<InvocationOutcome, { kind: 'success' }>, id: string): PlatformError {
  const { message } = outcome;
  switch (outcome.kind) {
    case 'function-error': {
      const { type, stack } = outcome;
      const detail = { invocationId: id, type, message, stack };
      return new PlatformError('function_error', 'function_error', `the function failed: ${type}: ${message}`, {
        detail,
      });
    }
    case 'function-fault': {
      const { kind, code } = functionFaultErrors[outcome.fault];
      return new PlatformError(kind, code, message, { detail: { invocationId: id, type: outcome.fault, message } });
    }
    case 'platform-fault': {
      const { kind, code } = platformFaultErrors[outcome.fault];
      return new PlatformError(kind, code, message, { detail: { invocationId: id } });
    }
    case 'cancelled':
      return new PlatformError('conflict', 'invocation_cancelled', message, { detail: { invocationId: id } });
  }
}

/** The two headers of a function's response that say how to read its body; all others stay inside. */
function copyContentHeaders(reply: FastifyReply, response: CallResponse): void {
  const head = response.responseHead;
  reply.header('content-type', 'application/json; charset=utf-8');
  if (head === undefined) return;
  if (head.status !== 200) reply.header('hearth-function-status', String(head.status));
  for (let i = 0; i + 1 < head.headers.length; i += 2) {
    const name = head.headers[i]?.toLowerCase() ?? '';
    const value = head.headers[i + 1] ?? '';
    if (name === 'content-type' || name === 'content-encoding') reply.header(name, value);
  }
}

/** Runs a synchronous call of an event and answers with the function's own result. */
export async function answerCall(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  resolution: Resolution,
  { payload, ...call }: CallContext & { readonly payload: Buffer },
): Promise<FastifyReply> {
  const invocation = context.controlPlane.invocations.prepare(resolution, { kind: 'event', body: payload }, call);
  return await runCall(context, request, reply, invocation, { copyHeaders: copyContentHeaders });
}

/** Runs a synchronous call of an HTTP request and answers with the function's whole response as a message (docs/drafts.md). */
export async function answerRequest(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  invocation: Invocation,
): Promise<FastifyReply> {
  return await runCall(context, request, reply, invocation, {
    preface: ({ status, headers }) => messageHead({ status, headers: headerPairs(headers) }),
    copyHeaders: () => reply.header('content-type', httpMessageType),
  });
}

interface AnswerForm {
  readonly preface?: (head: ResponseHead) => Buffer;
  readonly copyHeaders: (reply: FastifyReply, response: CallResponse) => void;
}

async function runCall(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  invocation: Invocation,
  { preface, copyHeaders }: AnswerForm,
): Promise<FastifyReply> {
  const { clock, maxHeldResponseBytes, maxHeldResponseMs } = context;
  const held = { maxHeldBytes: maxHeldResponseBytes, maxHeldMs: maxHeldResponseMs };
  const response = new CallResponse({ clock, ...held, preface });
  const running = context.controlPlane.invocations.run(invocation, response, disconnectSignal(reply));
  reply.header('hearth-invocation-id', invocation.id);
  const first = await Promise.race([running, response.flowing]);
  if (!('outcome' in first)) {
    copyHeaders(reply, response);
    void finishFlowing(context, request, invocation, response, running);
    return reply.code(200).send(first);
  }
  reply.header('hearth-start', first.start);
  reply.header('server-timing', serverTiming(first.timing, first.start));
  if (first.outcome.kind !== 'success') {
    response.fail(first.outcome.message);
    throw errorOfCall(first.outcome, invocation.id);
  }
  copyHeaders(reply, response);
  return reply.code(200).send(response.finish() ?? response.flowing);
}

/** The status line is out: a failure can only be shown by cutting the connection. */
async function finishFlowing(
  context: ApiContext,
  request: FastifyRequest,
  invocation: Invocation,
  response: CallResponse,
  running: Promise<InvocationReport>,
): Promise<void> {
  try {
    const { outcome } = await running;
    if (outcome.kind === 'success') response.finish();
    else response.fail(outcome.message);
  } catch (error) {
    context.logger.error({ err: error, requestId: request.id, invocationId: invocation.id }, 'a call broke off');
    response.fail('the call broke off');
  }
}
