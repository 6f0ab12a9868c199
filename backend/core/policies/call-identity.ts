import type { SingleFlightConfig } from '../../../shared/single-flight.ts';
import type { Invocation, ResponseHead } from '../invocation.ts';

/** Different with every request, and nothing that a response should depend on: traces, and the way through proxies. */
const neverIdentify: ReadonlySet<string> = new Set([
  'tracestate',
  'baggage',
  'x-request-id',
  'x-correlation-id',
  'x-forwarded-for',
  'x-real-ip',
  'forwarded',
  'via',
]);

/** Who calls, and what of the resource is asked for: whatever a function says that it reads, these tell calls apart. */
const alwaysIdentify: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'hearth-caller',
  'origin',
  'x-forwarded-prefix',
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'pragma',
]);

/** Whether two calls that differ in this header, in lower case, are two calls. */
function identifies(name: string, config: SingleFlightConfig): boolean {
  if (alwaysIdentify.has(name)) return true;
  return typeof config === 'boolean' ? !neverIdentify.has(name) : config.headers.includes(name);
}

/**
 * What two calls have in common that are the same call, or undefined for one that is never the same as another: those that may change
 * something, have a body, or become a WebSocket. Calls of different depth in a chain of functions differ: so none waits for a call that waits for it.
 */
export function callIdentity({ version, request, depth }: Invocation): string | undefined {
  const { singleFlight } = version.config;
  if (singleFlight === false || request.kind !== 'http' || request.isWebSocket === true) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
  if (!Buffer.isBuffer(request.body) || request.body.length > 0) return undefined;
  const { method, scheme, host, target, headers, params } = request;
  const parts: unknown[] = [version.versionId, depth, method, scheme, host, target, params];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase();
    if (identifies(name, singleFlight)) parts.push(name, headers[i + 1]);
  }
  // JSON keeps the parts apart, whatever is in them.
  return JSON.stringify(parts);
}

/** `private` and `no-store` as RFC 9111 has them, with or without field names. */
const keptToOne = /(?:^|,)\s*(?:private|no-store)\s*(?:=|,|$)/i;

/**
 * Whether everybody who made the same call may have this response. Not one that is meant for one client (`Set-Cookie`,
 * `Cache-Control: private` or `no-store`), that depends on what did not tell the calls apart (`Vary`), or that never ends (events).
 */
export function isForEverybody({ headers }: ResponseHead, config: SingleFlightConfig): boolean {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headers[i + 1] ?? '';
    switch ((headers[i] ?? '').toLowerCase()) {
      case 'set-cookie':
        return false;
      case 'cache-control':
        if (keptToOne.test(value)) return false;
        break;
      case 'vary':
        if (!value.split(',').every((name) => isToldApart(name.trim().toLowerCase(), config))) return false;
        break;
      case 'content-type':
        if (value.trimStart().toLowerCase().startsWith('text/event-stream')) return false;
        break;
    }
  }
  return true;
}

/** A member of `Vary`; `*` stands for what no header says. */
function isToldApart(name: string, config: SingleFlightConfig): boolean {
  return name === '' || (name !== '*' && identifies(name, config));
}
