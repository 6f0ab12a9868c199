import { PlatformError } from '../../../../../shared/errors.ts';

/** Where a Docker Engine listens. */
export type EngineEndpoint =
  | { readonly kind: 'unix'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** An address that cannot be used: every request fails with this, instead of the start of the platform. */
  | { readonly kind: 'none'; readonly error: PlatformError };

const defaultEngineHost = 'unix:///var/run/docker.sock';
/** Registered for Docker without TLS. */
const defaultPort = 2375;

/** Reads a value of the form of DOCKER_HOST: `unix:///path` or `tcp://host:port`; an empty one is the default socket. */
export function parseEngineHost(text: string): EngineEndpoint {
  const value = text.trim() === '' ? defaultEngineHost : text.trim();
  const unix = /^unix:\/\/(\/.+)$/.exec(value)?.[1];
  if (unix !== undefined) return { kind: 'unix', socketPath: unix };
  const tcp = /^(?:tcp|http):\/\/(\[[0-9a-fA-F:]+\]|[^/:[\]\s]+)(?::(\d{1,5}))?\/?$/.exec(value);
  const port = Number(tcp?.[2] ?? defaultPort);
  if (tcp?.[1] !== undefined && port > 0 && port < 65_536) {
    return { kind: 'tcp', host: tcp[1].replace(/^\[|\]$/g, ''), port };
  }
  const hint = /^(ssh|https|npipe|fd):/.test(value)
    ? ' (ssh, TLS and named pipes are not supported; use a socket proxy)'
    : '';
  throw new PlatformError(
    'invalid_request',
    'docker_host_invalid',
    `${value} is no address of a Docker daemon${hint}; write unix:///path/to/docker.sock or tcp://host:port`,
  );
}

/** The same, for an address that may come from an environment made for other tools. */
export function toEngineEndpoint(text: string): EngineEndpoint {
  try {
    return parseEngineHost(text);
  } catch (error) {
    if (error instanceof PlatformError) return { kind: 'none', error };
    throw error;
  }
}

/** How people write it. */
export function describeEndpoint(endpoint: EngineEndpoint): string {
  if (endpoint.kind === 'none') return 'no address';
  return endpoint.kind === 'unix' ? endpoint.socketPath : `${endpoint.host}:${endpoint.port}`;
}
