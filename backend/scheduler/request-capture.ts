import { isUtf8 } from 'node:buffer';
import type { CapturedRequests } from '../../shared/capture.ts';
import { MiB } from '../../shared/limits.ts';
import type { HttpRequest, Invocation, InvocationReport, ResponseSink, SeenResponse } from '../core/invocation.ts';
import { bytesOfRequest, type HttpRequestHead, type KeptRequest, type KeptResponse } from '../core/kept-request.ts';
import {
  hiderOf,
  isCredentialParameter,
  leftOut,
  withoutCredentialHeaders,
  withoutQueryCredentials,
} from '../core/policies/credential-names.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { OpenedSecrets, SecretSource } from '../core/ports/secrets.ts';
import type { VersionSpec } from '../core/version.ts';
import { ByteBudget } from '../util/byte-budget.ts';

export interface RequestCaptureOptions {
  /** False: nothing is kept, whatever versions say. */
  readonly isOn: boolean;
  readonly secrets: SecretSource;
  readonly clock: Clock;
}

/** A flood of failures must not become a flood of writes; calls beyond are recorded without their request. */
const budget = { windowMs: 10_000, maxBytes: 16 * MiB, maxBytesPerKey: 4 * MiB };
const empty = Buffer.alloc(0);

type Redact = OpenedSecrets['redact'];

/**
 * Decides at the end of a call over HTTP whether its request is kept, and takes out of it what is never stored. Until then nothing is
 * copied: bodies that are whole are there anyway.
 */
export class RequestCapture {
  readonly #options: RequestCaptureOptions;
  readonly #budget = new ByteBudget(budget);
  /** Requests that should have been kept and were not, because too many came at once. */
  dropped = 0;

  constructor(options: RequestCaptureOptions) {
    this.#options = options;
  }

  /** Undefined for what is not kept. `sink` is where the response went. */
  keep({ request, version }: Invocation, report: InvocationReport, sink: ResponseSink): KeptRequest | undefined {
    if (request.kind !== 'http' || !isWanted(version.config.capture.requests, report)) return undefined;
    if (!this.#options.isOn || request.isWebSocket === true) return undefined;
    if (!this.#budget.has(version.functionId, this.#options.clock.monotonic())) {
      this.dropped++;
      return undefined;
    }
    const redact = this.#redactorOf(version);
    if (redact === undefined) return undefined;
    const kept = keptRequest(request, version.config.capture.maxBytes, redact, sink.seen?.(), report);
    this.#budget.spend(version.functionId, bytesOfRequest(kept));
    return kept;
  }

  /** Undefined when the secrets cannot be opened: then nobody knows what to take out. */
  #redactorOf(version: VersionSpec): Redact | undefined {
    try {
      return this.#options.secrets.open(version).redact;
    } catch {
      return undefined;
    }
  }
}

function isWanted(wanted: CapturedRequests, { outcome, httpStatus = 0 }: InvocationReport): boolean {
  if (wanted === 'errors') return outcome.kind !== 'success' || httpStatus >= 500;
  return wanted === 'all';
}

function keptRequest(
  request: HttpRequest,
  maxBytes: number,
  redact: Redact,
  seen: SeenResponse | undefined,
  report: InvocationReport,
): KeptRequest {
  const { body, bodyBytes } = bodyOf(request, maxBytes);
  const isCut = bodyBytes === undefined || bodyBytes > body.length;
  const clean = { head: cleanHead(request, redact), body: cleanBody(body, redact, isCut) };
  return {
    head: clean.head.head,
    body: clean.body.body,
    bodyBytes,
    isCut,
    isMasked: clean.head.isMasked || clean.body.isMasked,
    redacted: [...clean.head.redacted, ...(clean.body.isMasked ? ['a secret in the body'] : [])],
    response: seen === undefined ? undefined : keptResponse(seen, maxBytes, clean.head.hide, report),
  };
}

function bodyOf({ body, beginning }: HttpRequest, maxBytes: number) {
  if (Buffer.isBuffer(body)) return { body: body.subarray(0, maxBytes), bodyBytes: body.length };
  return { body: beginning?.bytes() ?? empty, bodyBytes: beginning?.bodyBytes };
}

function cleanHead({ method, clientAddress, scheme, host, ...given }: HttpRequest, redact: Redact) {
  const query = withoutQueryCredentials(given.target);
  const path = withoutPathCredentials(query.target, given.params);
  const target = redact(path.target);
  const params = Object.fromEntries(Object.entries(path.params).map(([name, value]) => [name, redact(value)]));
  const byName = withoutCredentialHeaders(given.headers);
  const byValue = withoutSecretHeaders(byName.headers, redact);
  const head: HttpRequestHead = { method, target, headers: byValue.headers, clientAddress, scheme, host, params };
  const isMasked = path.names.length > 0 || target !== path.target;
  const redacted = [
    ...[...byName.names, ...byValue.names].map((name) => `header ${name}`),
    ...query.names.map((name) => `query ${name}`),
    ...path.names.map((name) => `path ${name}`),
    ...(target === path.target ? [] : ['a secret in the address']),
  ];
  // Functions tell callers what they sent: what is left out here is left out there.
  const hide = hiderOf([...byName.values, ...query.values, ...path.values]);
  return { head, isMasked, redacted, hide: (text: string, isTextCut?: boolean) => hide(redact(text, isTextCut)) };
}

/** `/reset/:token` has a credential in its path. */
function withoutPathCredentials(target: string, params: HttpRequest['params']) {
  const names = Object.keys(params).filter(isCredentialParameter);
  let clean = target;
  for (const name of names) {
    const value = params[name] ?? '';
    if (value !== '') clean = clean.replaceAll(value, leftOut).replaceAll(encodeURIComponent(value), leftOut);
  }
  const masked = Object.fromEntries(names.map((name) => [name, leftOut]));
  return { target: clean, params: { ...params, ...masked }, names, values: names.map((name) => params[name] ?? '') };
}

function withoutSecretHeaders(headers: readonly string[], redact: Redact) {
  const kept: string[] = [];
  const names: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    if (redact(name) === name && redact(value) === value) kept.push(name, value);
    else names.push(redact(name).toLowerCase());
  }
  return { headers: kept, names };
}

/** A copy of its own: what was cut off is not held in memory, and what is held is counted. */
function cleanBody(
  given: Buffer,
  redact: Redact,
  isCut: boolean,
): { readonly body: Buffer; readonly isMasked: boolean } {
  const body = isCut ? withoutHalfCharacter(given) : given;
  // Bytes that are no text go through as characters of one byte each, and back.
  const encoding = isUtf8(body) ? 'utf8' : 'latin1';
  const text = body.toString(encoding);
  const clean = redact(text, isCut);
  if (clean === text) return { body: Buffer.from(body), isMasked: false };
  return { body: Buffer.from(clean, encoding), isMasked: true };
}

/** A text that was cut within a character is no text any more. */
function withoutHalfCharacter(body: Buffer): Buffer {
  for (let rest = 0; rest < 4 && rest <= body.length; rest++) {
    const shorter = body.subarray(0, body.length - rest);
    if (isUtf8(shorter)) return shorter;
  }
  return body;
}

function keptResponse(
  { head, body = empty }: SeenResponse,
  maxBytes: number,
  redact: Redact,
  { usage }: InvocationReport,
): KeptResponse {
  const beginning = body.subarray(0, maxBytes);
  const isCut = usage.responseBytes > beginning.length;
  const byName = withoutCredentialHeaders(head.headers);
  const { headers } = withoutSecretHeaders(byName.headers, redact);
  return { status: head.status, headers, body: cleanBody(beginning, redact, isCut).body, isCut };
}
