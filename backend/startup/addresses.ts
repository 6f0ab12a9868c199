import type { FastifyInstance } from 'fastify';
import { PlatformError } from '../../shared/errors.ts';
import type { Settings } from '../config/schema.ts';

const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);
/** An address that a person on this machine can open. */
export const urlOf = (host: string, port: number): string =>
  `http://${hostInUrl(host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host)}:${port}`;
/** Only this machine can reach it. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** One line for a person: what cannot be listened on, and what to change. */
function listenError(error: NodeJS.ErrnoException, settings: Settings): PlatformError {
  const { HEARTH_HOST: host, HEARTH_PORT: port } = settings;
  const [code, text] =
    error.code === 'EADDRINUSE'
      ? ['port_taken', `port ${port} on ${host} is taken; stop what uses it or set HEARTH_PORT to another`]
      : error.code === 'EACCES'
        ? ['port_forbidden', `port ${port} needs more rights; set HEARTH_PORT to one above 1023`]
        : [
            'listen_failed',
            `cannot listen on ${host}:${port}: ${error.message}; HEARTH_HOST must be an address of this machine`,
          ];
  return new PlatformError('unavailable', code, text, { cause: error });
}

/** Resolves with the port. Rejects with `unavailable`/`port_taken`, `port_forbidden` or `listen_failed` and what to do. */
export async function listenForControl(
  api: Pick<FastifyInstance, 'listen' | 'server'>,
  settings: Settings,
): Promise<number> {
  try {
    await api.listen({ host: settings.HEARTH_HOST, port: settings.HEARTH_PORT });
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, settings);
  }
  const address = api.server.address();
  return typeof address === 'object' && address !== null ? address.port : settings.HEARTH_PORT;
}
