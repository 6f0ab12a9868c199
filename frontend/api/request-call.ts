import { httpMessageContentType } from '../../shared/http-message-type.ts';
import type { WrittenHeader } from '../forms/http-request.ts';
import type { Api } from './api.ts';
import { draftPath, functionPath } from './api-paths.ts';

/** The whole response of a function. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly WrittenHeader[];
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface RequestAnswer {
  readonly invocationId: string | undefined;
  readonly response: HttpAnswer;
}

/** Sends a function, or a draft of it, a request (docs/drafts.md). Rejects with ApiError, also when the function fails. */
export async function sendRequest(
  api: Api,
  functionName: string,
  draft: string | undefined,
  message: string,
  signal: AbortSignal,
): Promise<RequestAnswer> {
  const path = draft === undefined ? functionPath(functionName) : draftPath(functionName, draft);
  const response = await api.client.send('POST', `${path}/requests`, {
    headers: { 'content-type': httpMessageContentType },
    json: message,
    signal,
  });
  return {
    invocationId: response.headers.get('hearth-invocation-id') ?? undefined,
    response: answerOf(new Uint8Array(await response.arrayBuffer())),
  };
}

function answerOf(message: Uint8Array<ArrayBuffer>): HttpAnswer {
  const end = message.indexOf(0x0a);
  const head = JSON.parse(new TextDecoder().decode(message.subarray(0, end))) as {
    status: number;
    headers: readonly (readonly [string, string])[];
  };
  const headers = head.headers.map(([name, value]) => ({ name, value }));
  return { status: head.status, headers, body: message.slice(end + 1) };
}
