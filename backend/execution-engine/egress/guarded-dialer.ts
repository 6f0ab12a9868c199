import { Resolver } from 'node:dns/promises';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isPublicAddress } from '../../util/public-address.ts';
import type { EgressTarget } from './allow-list.ts';

export interface GuardedDialerOptions {
  /** Lets functions reach loopback and private networks too, where their lists name them. */
  readonly allowsPrivate: boolean;
  /** All addresses of a name; rejects when there are none. For tests; the name servers of the host when left out. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** From the first packet to a connection. */
  readonly connectTimeoutMs: number;
  /** For tests: who may vouch for a host. Those of Node.js, with NODE_EXTRA_CA_CERTS, when left out. */
  readonly ca?: string;
}

/** The address is not one that functions may reach, whatever their lists say. */
export class NotPublic extends Error {}

/**
 * Connects to names and addresses in the public internet. A name is resolved here, once, and what was checked is what is dialled: it cannot change
 * its mind in between.
 */
export class GuardedDialer {
  readonly #options: GuardedDialerOptions;
  readonly #resolve: (name: string) => Promise<readonly string[]>;

  constructor(options: GuardedDialerOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? resolver();
  }

  /** Resolves when connected. Rejects with `NotPublic`, or with what the network says. */
  async dial(target: EgressTarget): Promise<Socket> {
    // Sockets ask `lookup` for names only.
    if (isIP(target.host) !== 0) this.#checked(target.host, [target.host]);
    const socket = connect({ ...target, lookup: this.#lookup, allowHalfOpen: true, noDelay: true });
    await this.#until('connect', socket);
    return socket;
  }

  /** TLS over a connection to `target`, whose certificate must be good for its host. Rejects with what is wrong with it, the connection closed. */
  async secure(socket: Socket, { host }: EgressTarget): Promise<Socket> {
    const secured = connectTls({
      socket,
      ...(isIP(host) === 0 ? { servername: host } : { host }),
      ...(this.#options.ca === undefined ? {} : { ca: this.#options.ca }),
      // Said, because the environment of the platform may say otherwise for everything else.
      rejectUnauthorized: true,
    });
    try {
      await this.#until('secureConnect', secured);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return secured;
  }

  async #until(event: 'connect' | 'secureConnect', socket: Socket): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), this.#options.connectTimeoutMs);
    socket.once(event, resolve);
    // Stays: between here and whoever uses it next nothing may be left unheard.
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The addresses of a name that may be reached. */
  readonly #lookup: LookupFunction = (name, asked, callback) => {
    this.#find(name).then(
      (found) => {
        const [first] = found;
        if (asked.all === true) callback(null, found);
        else if (first !== undefined) callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, '', 0),
    );
  };

  async #find(name: string): Promise<{ readonly address: string; readonly family: number }[]> {
    const good = this.#checked(name, await this.#resolve(name));
    return good.map((address) => ({ address, family: isIP(address) }));
  }

  #checked(name: string, addresses: readonly string[]): readonly string[] {
    const good = addresses.filter(
      (address) => isIP(address) !== 0 && (this.#options.allowsPrivate || isPublicAddress(address)),
    );
    if (good.length === 0) throw new NotPublic(`${name} is not in the public internet`);
    return good;
  }
}

/**
 * Asks name servers directly. The host's own resolver would do it in the few threads that also read and write files, and a function that
 * asks a slow server of its own for many names would hold them all up.
 */
function resolver(): (name: string) => Promise<readonly string[]> {
  const servers = new Resolver({ timeout: 2000, tries: 2 });
  return async (name) => {
    const [v4, v6] = await Promise.allSettled([servers.resolve4(name), servers.resolve6(name)]);
    const found = [...(v4.status === 'fulfilled' ? v4.value : []), ...(v6.status === 'fulfilled' ? v6.value : [])];
    if (found.length > 0) return found;
    throw v4.status === 'rejected' ? v4.reason : new Error(`${name} has no address`);
  };
}
