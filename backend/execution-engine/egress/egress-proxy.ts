import { type ClientRequest, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type EgressRefusalReason, egressRefusalReasons } from '../../../shared/egress.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { EgressBytes, EgressClient, EgressGate } from '../../core/ports/egress-gate.ts';
import type { SecretReader } from '../../core/ports/secrets.ts';
import { AllowList, type EgressTarget, parseTarget, type Route } from './allow-list.ts';
import { refuse, refuseTunnel, type Verdict } from './answers.ts';
import type { ClientHello } from './client-hello.ts';
import { type GuardedDialer, NotPublic } from './guarded-dialer.ts';
import { forwardableHeaders } from './headers.ts';
import { injectedHeader } from './injected-secret.ts';
import { RefusalLog } from './refusal-log.ts';
import { relay } from './relay.ts';
import { TrafficMeter } from './traffic-meter.ts';
import { openTunnel } from './tunnel.ts';
import { TunnelAgent } from './tunnel-agent.ts';
import { relayUpgrade } from './upgrade.ts';

export interface EgressProxyOptions {
  readonly dialer: GuardedDialer;
  readonly clock: Clock;
  readonly secrets: SecretReader;
  /** How long a host may take nothing of what there is for it; five minutes when left out. */
  readonly stallTimeoutMs?: number;
}

/** One way out: an instance with its list. */
interface Passage {
  readonly list: AllowList;
  readonly log: RefusalLog;
  readonly client: Pick<EgressClient, 'project' | 'moved' | 'refused'>;
  /** After a CONNECT in which HTTP is spoken: where the requests in it go, */
  readonly origin?: EgressTarget;
  /** and by which connections, when it gets no secret. */
  readonly agent?: TunnelAgent;
}
/** A target that may be reached, or why not. */
type Judgement = { readonly target: EgressTarget; readonly route: Route; readonly passage: Passage } | Verdict;

/** Since the start of the process. */
export interface EgressTotals extends EgressBytes {
  readonly connections: number;
  readonly refused: number;
}

/**
 * The HTTP proxy of sandboxes without a network: CONNECT, and requests with an absolute http: URL. It runs here, outside, on connections that their
 * agents hand on; nothing listens. Which host a function may reach is decided here alone, and secrets are added to requests here.
 */
export class EgressProxy implements EgressGate {
  readonly #options: EgressProxyOptions;
  readonly #server = createServer({
    requestTimeout: 0,
    keepAliveTimeout: 0,
    maxHeaderSize: 16_384,
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  readonly #meter: TrafficMeter;
  readonly #passages = new WeakMap<object, Passage>();
  #connections = 0;
  #refused = 0;
  #sentBytes = 0;
  #receivedBytes = 0;

  constructor(options: EgressProxyOptions) {
    this.#options = options;
    this.#meter = new TrafficMeter(options.clock);
    this.#server.on('request', (asked, answer) => {
      try {
        this.#forward(asked, answer);
      } catch {
        // Something that Node reads in a request and does not write.
        refuse(answer, notProxied);
      }
    });
    this.#server.on('connect', (asked, connection, head) => {
      this.#connect(asked, connection, head).catch(() => connection.destroy());
    });
    this.#server.on('upgrade', (asked, connection, head) => {
      try {
        this.#upgrade(asked, connection, head);
      } catch {
        refuseTunnel(connection, notProxied);
      }
    });
    this.#server.on('clientError', (_error, connection) => connection.destroy());
  }

  get totals(): EgressTotals {
    const connections = this.#connections;
    const refused = this.#refused;
    return { connections, refused, sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes };
  }

  admit(client: EgressClient): (connection: Duplex) => void {
    const { clock } = this.#options;
    const log = new RefusalLog({ monotonic: () => clock.monotonic(), write: (text) => client.note(text) });
    const passage = { list: new AllowList(client.rules), log, client };
    return (connection) => {
      // Whoever uses it afterwards has handlers of their own; between those nothing may be left unheard.
      connection.on('error', () => undefined);
      this.#serve(connection, passage);
    };
  }

  #serve(connection: Duplex, passage: Passage): void {
    this.#passages.set(connection, passage);
    this.#server.emit('connection', connection);
  }

  /** CONNECT: bytes both ways, after a look at which host they ask for; requests of HTTP are read here and made in their place. */
  async #connect(asked: IncomingMessage, connection: Duplex, head: Buffer): Promise<void> {
    const judged = this.#judge(connection, parseTarget(asked.url ?? ''));
    if ('reason' in judged) {
      refuseTunnel(connection, judged);
      return;
    }
    const { target, route, passage } = judged;
    if (head.length > 0) connection.unshift(head);
    if (route.kind === 'secret') {
      connection.write(established);
      this.#serve(connection, { ...passage, origin: target });
      return;
    }
    try {
      const upstream = await this.#dial(target, passage);
      connection.write(established);
      await openTunnel({
        connection,
        upstream,
        judge: (hello) => this.#judgeHello(passage, target, hello),
        serveHttp: () => {
          const agent = new TunnelAgent(upstream, () => this.#dial(target, passage));
          connection.once('close', () => agent.destroy());
          this.#serve(connection, { ...passage, origin: target, agent });
        },
      });
    } catch (error) {
      refuseTunnel(connection, this.#failed(connection, target, error));
    }
  }

  /** A request for an http: URL, made here in its place. */
  #forward(asked: IncomingMessage, answer: ServerResponse): void {
    const made = this.#request(asked);
    if ('reason' in made) {
      refuse(answer, made);
      return;
    }
    relay(asked, made.upstream, answer, (error) => refuse(answer, this.#failed(asked.socket, made.target, error)));
  }

  #upgrade(asked: IncomingMessage, connection: Duplex, head: Buffer): void {
    const made = this.#request(asked, ['connection', 'upgrade', 'upgrade', 'websocket']);
    if ('reason' in made) {
      refuseTunnel(connection, made);
      return;
    }
    const { upstream, target } = made;
    relayUpgrade(connection, head, upstream, (error) =>
      refuseTunnel(connection, this.#failed(asked.socket, target, error)),
    );
  }

  /** The request that goes out in the place of `asked`, its body and `more` headers aside. Always for the host that was judged, whatever `asked` says. */
  #request(
    asked: IncomingMessage,
    more: readonly string[] = [],
  ): { readonly upstream: ClientRequest; readonly target: EgressTarget } | Verdict {
    const place = placeOf(asked, this.#passages.get(asked.socket)?.origin);
    const judged = this.#judge(asked.socket, place?.target);
    if ('reason' in judged) return judged;
    if (place === undefined) return notProxied;
    const { target, route, passage } = judged;
    const added = route.kind === 'secret' ? this.#secretOf(asked, route, passage) : { set: { host: place.host } };
    if ('reason' in added) return added;
    const { set } = added;
    const own = forwardableHeaders(asked.rawHeaders, ...Object.keys(set));
    const headers = [...own, ...Object.entries(set).flat(), ...more];
    // Said here, because Node frames no body of a GET or DELETE by itself.
    if (asked.headers['transfer-encoding'] !== undefined) headers.push('transfer-encoding', 'chunked');
    const upstream = request({
      method: asked.method,
      path: place.path,
      headers,
      ...(passage.agent === undefined
        ? {
            createConnection: (_options, connected) => {
              this.#open(target, route, passage).then(
                (socket) => connected(null, socket),
                (error: Error) => connected(error, undefined as never),
              );
              return undefined;
            },
          }
        : { agent: passage.agent }),
    });
    return { upstream, target };
  }

  /** The headers that the proxy sets on the way to a host that gets a secret. Servers answer TRACE with the headers that they got. */
  #secretOf(
    asked: IncomingMessage,
    { rule, upstream }: Route & { readonly kind: 'secret' },
    passage: Passage,
  ): { readonly set: Readonly<Record<string, string>> } | Verdict {
    if (asked.method === 'TRACE') return { status: 403, reason: 'TRACE would answer with the secret' };
    const header = injectedHeader(rule, passage.client.project, this.#options.secrets);
    if ('problem' in header) {
      passage.log.add(`a request to ${nameOf(upstream)} failed: ${header.problem}`);
      return { status: 502, reason: header.problem };
    }
    const host = upstream.port === 443 ? upstream.host : nameOf(upstream);
    return { set: { host, [header.name]: header.value } };
  }

  async #open(target: EgressTarget, route: Route, passage: Passage): Promise<Socket> {
    if (route.kind === 'plain') return await this.#dial(target, passage);
    return await this.#options.dialer.secure(await this.#dial(route.upstream, passage), route.upstream);
  }

  async #dial(target: EgressTarget, { client }: Passage): Promise<Socket> {
    const socket = await this.#options.dialer.dial(target);
    this.#connections++;
    // An agent that waits for a host to take something does not see that its program has gone. Connections with nothing to say may stay.
    socket.setTimeout(this.#options.stallTimeoutMs ?? defaultStallTimeoutMs, () => {
      if (socket.writableLength > 0) socket.destroy();
    });
    this.#meter.watch(socket, (moved) => {
      this.#sentBytes += moved.sentBytes;
      this.#receivedBytes += moved.receivedBytes;
      client.moved(moved);
    });
    return socket;
  }

  #judge(connection: object, target: EgressTarget | undefined): Judgement {
    const passage = this.#passages.get(connection);
    if (target === undefined || passage === undefined) return notProxied;
    const route = passage.list.route(target);
    if (route !== undefined) return { target, route, passage };
    return this.#refuse(passage, target, passage.list.hasSecretFor(target.host) ? 'https-with-secret' : 'not-on-list');
  }

  /** The name in TLS must be that of the host that was judged; to an address, that of a host that may be reached too, or none. */
  #judgeHello(passage: Passage, target: EgressTarget, hello: ClientHello | 'malformed'): Error | undefined {
    const refused = (at: EgressTarget, why: EgressRefusalReason) => new Error(this.#refuse(passage, at, why).reason);
    if (hello === 'malformed' || hello.hasEarlyData) return refused(target, 'unreadable-tls');
    if (hello.isEncrypted) return refused(target, 'hidden-server-name');
    const isAddress = isIP(target.host) !== 0;
    if (hello.serverName === undefined) return isAddress ? undefined : refused(target, 'no-server-name');
    if (hello.serverName === target.host) return undefined;
    const named = { ...target, host: hello.serverName };
    if (isAddress && passage.list.route(named)?.kind === 'plain') return undefined;
    return refused(named, 'other-server-name');
  }

  #failed(connection: object, target: EgressTarget, error: unknown): Verdict {
    const passage = this.#passages.get(connection);
    if (error instanceof NotPublic) return this.#refuse(passage, target, 'not-public');
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    return { status: 502, reason: `${nameOf(target)} cannot be reached: ${why}` };
  }

  #refuse(passage: Passage | undefined, target: EgressTarget, why: EgressRefusalReason): Verdict {
    this.#refused++;
    const hint = why === 'https-with-secret' ? `; call http://${target.host}/ (not https)` : '';
    const reason = `egress to ${nameOf(target)} was refused: ${egressRefusalReasons[why]}${hint}`;
    passage?.log.add(reason);
    passage?.client.refused(nameOf(target), why);
    return { status: 403, reason };
  }
}

const defaultStallTimeoutMs = 300_000;
const established = 'HTTP/1.1 200 Connection Established\r\n\r\n';
const notProxied: Verdict = { status: 400, reason: 'ask for CONNECT host:port, or for a URL that begins with http://' };
const nameOf = ({ host, port }: EgressTarget) => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Where a request wants to go: an absolute http: URL, or inside a CONNECT to a host that gets a secret a path. Paths go on as they are. */
function placeOf({ url = '' }: IncomingMessage, origin: EgressTarget | undefined) {
  if (origin !== undefined)
    return url.startsWith('/') ? { target: origin, host: nameOf(origin), path: url } : undefined;
  const found = /^http:\/\/(?<host>[^/?#@]+)(?<path>[/?][^#]*)?$/i.exec(url)?.groups;
  const host = found?.['host'] ?? '';
  const path = found?.['path'] ?? '/';
  const target = parseTarget(host, 80);
  return target && { target, host, path: path.startsWith('/') ? path : `/${path}` };
}
