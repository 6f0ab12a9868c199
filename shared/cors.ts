import type { VersionConfig } from './version-config.ts';

type Cors = NonNullable<VersionConfig['cors']>;

/** The value of Access-Control-Allow-Origin for this caller, or undefined when the function's settings do not allow the origin. */
function allowedOrigin(cors: Cors, origin: string): string | undefined {
  if (cors.origins.includes(origin)) return origin;
  return cors.origins.includes('*') ? '*' : undefined;
}

/**
 * Only for origins that are named. Versions of earlier releases may have "*" with credentials, which is refused now: they get "*"
 * without, as the Fetch standard has it.
 */
const isTrusted = (cors: Cors, origin: string): boolean => cors.credentials === true && cors.origins.includes(origin);

/** Headers that the gateway adds to a response to a cross-origin request; name, value, name, value … */
export function corsHeaders(cors: Cors, origin: string | undefined): readonly string[] {
  if (origin === undefined) return ['vary', 'Origin'];
  const allowed = allowedOrigin(cors, origin);
  if (allowed === undefined) return ['vary', 'Origin'];
  const headers = ['access-control-allow-origin', allowed, 'vary', 'Origin'];
  if (isTrusted(cors, origin)) headers.push('access-control-allow-credentials', 'true');
  return headers;
}

/** The answer to a preflight request, which never reaches the function; name, value, name, value … */
export function preflightHeaders(
  cors: Cors,
  origin: string,
  requestedMethod: string,
  requestedHeaders: string | undefined,
): readonly string[] {
  const allowed = allowedOrigin(cors, origin);
  if (allowed === undefined) return ['vary', 'Origin'];
  const headers = [
    'access-control-allow-origin',
    allowed,
    'access-control-allow-methods',
    cors.methods?.join(', ') ?? requestedMethod,
    'access-control-allow-headers',
    cors.headers?.join(', ') ?? requestedHeaders ?? '',
    'access-control-max-age',
    String(cors.maxAgeSeconds ?? 600),
    'vary',
    'Origin, Access-Control-Request-Headers',
  ];
  if (isTrusted(cors, origin)) headers.push('access-control-allow-credentials', 'true');
  return headers;
}

/** With settings of its own, a function's CORS headers give way, so that there is one answer. */
export function isCorsHeader(lowerCaseName: string): boolean {
  return lowerCaseName.startsWith('access-control-');
}
