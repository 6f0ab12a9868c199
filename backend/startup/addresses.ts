import type { FastifyInstance } from 'fastify';
import { PlatformError } from '../../shared/errors.ts';
import type { Settings } from '../config/schema.ts';

const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);
/** An address that a person on this machine can open. */
export const urlOf = (host: string, port: number): string =>
  `http://${hostInUrl(host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host)}:${port}`;
/** Only this machine can reach it. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** Resolves with the port. Rejects with `unavailable`/`port_taken` and what to do. */
export async function listenForControl(
  api: Pick<FastifyInstance, 'listen' | 'server'>,
  settings: Settings,
): Promise<number> {
  try {
    await api.listen({ host: settings.HEARTH_HOST, port: settings.HEARTH_PORT });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new PlatformError(
      'unavailable',
      'port_taken',
      `port ${settings.HEARTH_PORT} on ${settings.HEARTH_HOST} is taken; stop what uses it or set HEARTH_PORT to another`,
      { cause: error },
    );
  }
  const address = api.server.address();
  return typeof address === 'object' && address !== null ? address.port : settings.HEARTH_PORT;
}
