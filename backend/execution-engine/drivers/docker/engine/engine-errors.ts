import { PlatformError } from '../../../../../shared/errors.ts';
import { describeEndpoint, type EngineEndpoint } from './endpoint.ts';

/** What a daemon may say in an error before it is cut; messages come from others and land in logs. */
const maxDetailChars = 500;

/** The codes that callers tell apart. */
export const engineErrorCodes = {
  notRunning: 'docker_not_running',
  noPermission: 'docker_no_permission',
  lost: 'docker_connection_lost',
  slow: 'docker_slow',
  imageMissing: 'docker_image_missing',
  containerMissing: 'docker_container_missing',
  networkMissing: 'docker_network_missing',
  conflict: 'docker_conflict',
  diskFull: 'docker_disk_full',
  forbidden: 'docker_forbidden',
  failed: 'docker_failed',
} as const;

export type EngineErrorCode = (typeof engineErrorCodes)[keyof typeof engineErrorCodes];

export function isEngineError(error: unknown, ...codes: readonly EngineErrorCode[]): error is PlatformError {
  return error instanceof PlatformError && (codes as readonly string[]).includes(error.code);
}

/** Whether the daemon itself is out of reach, as opposed to a request that it refused. */
export function isEngineGone(error: unknown): error is PlatformError {
  const { notRunning, noPermission, lost, slow } = engineErrorCodes;
  return isEngineError(error, notRunning, noPermission, lost, slow);
}

/** An error of the connection, before or while a response came. */
export function connectionError(endpoint: EngineEndpoint, cause: unknown): PlatformError {
  if (cause instanceof PlatformError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const place = describeEndpoint(endpoint);
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH') {
    return unavailable(
      engineErrorCodes.notRunning,
      `no Docker daemon listens on ${place}; install and start it (apt-get install docker.io && systemctl start docker), or set HEARTH_DOCKER_HOST`,
      cause,
    );
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return unavailable(
      engineErrorCodes.noPermission,
      `the user that runs Hearth may not use ${place}; add it to the group of the socket (usermod -aG docker <user>) and log in again, or use rootless Docker`,
      cause,
    );
  }
  return unavailable(
    engineErrorCodes.lost,
    `the connection to the Docker daemon on ${place} broke; see its log (journalctl -u docker)`,
    cause,
  );
}

/** The daemon answered, but with a status that is no success. `body` is its answer. */
export function statusError(options: {
  readonly status: number;
  readonly method: string;
  readonly path: string;
  readonly body: string;
}): PlatformError {
  const { status, method, path } = options;
  const said = messageOf(options.body);
  if (/no space left on device|disk quota exceeded/i.test(said)) {
    return unavailable(
      engineErrorCodes.diskFull,
      `the disk of the Docker daemon is full (${said}); free space in its data root, for example with docker system prune`,
    );
  }
  if (status === 404 && /no such image/i.test(said)) {
    return unavailable(
      engineErrorCodes.imageMissing,
      `the daemon does not have the image (${said}); build it with: hearth images build`,
    );
  }
  if (status === 404 && /no such container/i.test(said)) {
    return new PlatformError('not_found', engineErrorCodes.containerMissing, `the container is gone: ${said}`);
  }
  if (status === 404 && /network .* not found|no such network/i.test(said)) {
    return new PlatformError('not_found', engineErrorCodes.networkMissing, `the network is gone: ${said}`);
  }
  if (status === 409) return new PlatformError('conflict', engineErrorCodes.conflict, `the daemon refused: ${said}`);
  if (status === 403 || status === 405) {
    return unavailable(
      engineErrorCodes.forbidden,
      `${method} ${path.replace(/\?.*/, '')} is not allowed; if a socket proxy is between, let it pass the endpoints of docs/drivers/docker.md`,
    );
  }
  return unavailable(engineErrorCodes.failed, `the Docker daemon answered ${status}: ${said}`);
}

export function slowError(endpoint: EngineEndpoint, timeoutMs: number): PlatformError {
  return unavailable(
    engineErrorCodes.slow,
    `the Docker daemon on ${describeEndpoint(endpoint)} did not answer within ${timeoutMs} ms; see whether its disk or the machine is overloaded`,
  );
}

export function abortedError(cause?: unknown): PlatformError {
  return unavailable('aborted', 'the request to the Docker daemon was aborted', cause);
}

/** An error that came inside a progress stream, as building and loading have them. */
export function progressError(message: string): PlatformError {
  return statusError({ status: 500, method: 'POST', path: '', body: message });
}

function unavailable(code: string, message: string, cause?: unknown): PlatformError {
  return new PlatformError('unavailable', code, message, cause === undefined ? {} : { cause });
}

/** `{"message": "…"}`, or whatever else came. */
function messageOf(body: string): string {
  let text = body;
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && 'message' in value) text = String(value.message);
  } catch {
    // A proxy in between may answer in plain text.
  }
  const line = text.trim().replace(/\s+/g, ' ');
  return line === '' ? 'no reason given' : line.slice(0, maxDetailChars);
}
