import type { HttpRequest } from './invocation.ts';

/** What a function is given of a request over HTTP, but for its body. */
export type HttpRequestHead = Pick<
  HttpRequest,
  'method' | 'target' | 'headers' | 'clientAddress' | 'scheme' | 'host' | 'params'
>;

export interface KeptResponse {
  readonly status: number;
  /** Name, value, name, value …, without those that are never stored. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** There was more of it. */
  readonly isCut: boolean;
}

/** A request over HTTP that was kept (docs/payloads.md), and what the function answered as far as that is known. */
export interface KeptRequest {
  readonly head: HttpRequestHead;
  readonly body: Buffer;
  /** How long the body was; undefined when the call was over before it had ended. */
  readonly bodyBytes: number | undefined;
  /** `body` is only the beginning. */
  readonly isCut: boolean;
  /** The value of a secret was taken out of path or body: it is not the same request any more. */
  readonly isMasked: boolean;
  /** What was left out, in words for people: `header authorization`, `query token`. */
  readonly redacted: readonly string[];
  readonly response: KeptResponse | undefined;
}

/** The request as it is given to the function once more; only of one that is whole (`replayObstacle`). */
export function requestOf({ head, body }: KeptRequest): HttpRequest {
  return { kind: 'http', ...head, body };
}

/** Why a kept request cannot be run again; undefined when it can. */
export function replayObstacle({ isCut, isMasked }: KeptRequest): 'request_cut' | 'request_masked' | undefined {
  if (isCut) return 'request_cut';
  return isMasked ? 'request_masked' : undefined;
}

/** About what it takes in memory and on disk. */
export function bytesOfRequest({ head, body, response }: KeptRequest): number {
  const headChars = head.target.length + charsOf(head.headers) + charsOf(response?.headers ?? []);
  return headBytes + headChars + body.length + (response?.body.length ?? 0);
}

const headBytes = 512;
const charsOf = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length, 0);
