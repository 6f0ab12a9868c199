import type { Readable } from 'node:stream';
import { PlatformError } from '../../shared/errors.ts';
import type { Body } from '../core/invocation.ts';
import type { AuthenticatedCaller, CallerAuthenticator } from '../core/ports/caller-authenticator.ts';
import type { VersionSpec } from '../core/version.ts';
import type { CallLimits } from './call-limits.ts';
import { faultOfError, type Refusal } from './fault-responses.ts';

export interface CallGateOptions {
  readonly authenticator: CallerAuthenticator;
  readonly limits: CallLimits;
}

export interface Admission {
  readonly caller: AuthenticatedCaller | undefined;
  /** Whole now, if it had to be looked at. */
  readonly body: Body;
  readonly headers: readonly string[];
  readonly refusal: Refusal | undefined;
}

/** Who may call, and how often. Functions that are public and have no limit never come here. */
export class CallGate {
  readonly #options: CallGateOptions;

  constructor(options: CallGateOptions) {
    this.#options = options;
  }

  concerns(version: VersionSpec): boolean {
    return version.config.auth !== null || this.#options.limits.concerns(version);
  }

  /** Before the body is read; undefined headers and no refusal when no limit is set. */
  beforeCaller(version: VersionSpec, address: string): ReturnType<CallLimits['beforeCaller']> {
    return this.#options.limits.beforeCaller(version, address);
  }

  /** Asks who calls. Never rejects. */
  async admit(version: VersionSpec, rawHeaders: readonly string[], body: Body): Promise<Admission> {
    const { authenticator, limits } = this.#options;
    if (version.config.auth === null) return { caller: undefined, body, headers: [], refusal: undefined };
    try {
      const whole =
        version.config.auth.type === 'signature' ? await collect(body, version.config.maxRequestBytes) : body;
      const proof = proofIn(rawHeaders, Buffer.isBuffer(whole) ? whole : empty);
      const caller = await authenticator.check(version, proof);
      return { caller, body: whole, ...limits.ofCaller(version, caller.id) };
    } catch (error) {
      const refusal = faultOfError(error);
      const challenge = refusal.status === 401 ? ['www-authenticate', challengeOf(version)] : [];
      return { caller: undefined, body, headers: challenge, refusal };
    }
  }
}

const empty = Buffer.alloc(0);

const challengeOf = (version: VersionSpec) =>
  version.config.auth?.type === 'signature' ? 'Signature realm="hearth"' : 'Bearer realm="hearth"';

/** A header that comes twice proves nothing: a proxy may have read the other one. */
function proofIn(rawHeaders: readonly string[], body: Buffer) {
  const found: Record<string, string | undefined> = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? '';
    if (!proofHeaders.has(name)) continue;
    if (found[name] !== undefined) {
      throw new PlatformError('invalid_request', 'bad_request', `The request has more than one ${name} header.`);
    }
    found[name] = rawHeaders[i + 1];
  }
  return {
    authorization: found['authorization'],
    webhookId: found['webhook-id'],
    webhookTimestamp: found['webhook-timestamp'],
    webhookSignature: found['webhook-signature'],
    body,
  };
}
const proofHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'webhook-id',
  'webhook-timestamp',
  'webhook-signature',
]);

async function collect(body: Body, maxBytes: number): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body;
  const chunks: Buffer[] = [];
  let bytes = 0;
  // The stream itself fails as soon as the function's limit is crossed; this is the second lock.
  for await (const chunk of body as Readable & AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
