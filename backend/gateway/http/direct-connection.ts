import type { Socket } from 'node:net';
import type { Clock } from '../../core/ports/clock.ts';
import { plainAddress } from '../../util/address-group.ts';
import { DirectExchange, type DirectHost } from './direct-exchange.ts';
import type { Exchange } from './exchange.ts';
import { parseRequestHead, type RequestHead } from './request-head.ts';
import { readShared, type SharedReads } from './shared-reads.ts';

/** Milliseconds, docs/gateway.md. */
interface ConnectionTimeouts {
  /** A new connection until its first request. */
  readonly first: number;
  /** An idle connection between requests. */
  readonly keepAlive: number;
  /** Between two pieces of a body. */
  readonly bodyPause: number;
  /** From the head to the end of the body. */
  readonly request: number;
}

export interface DirectConnectionOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  readonly timeouts: ConnectionTimeouts;
  readonly handle: (exchange: Exchange) => void;
  /** Takes the socket over, with everything that has not been answered unread again. */
  readonly handOff: (socket: Socket) => void;
  readonly onClosed: (connection: DirectConnection) => void;
  /** No connection is to stay open. */
  readonly isClosing: () => boolean;
}

/** Bodies up to this size are waited for here; with a larger one, the request is Node's. */
const collectBytes = 65_536;
/** What a client may have sent ahead before it is not read any further. */
const maxAheadBytes = 65_536;

type State = 'idle' | 'collecting' | 'busy' | 'flushing' | 'handed-off' | 'closed';

/**
 * A client's connection for as long as its requests are plain (see `parseRequestHead`). A request in `node:http` costs more than the
 * whole way to the function and back: streams, events and objects for what is one read and one write here.
 *
 * | state | meaning | leaves by |
 * | --- | --- | --- |
 * | idle | waits for a request | plain request -> busy; body not whole -> collecting; any other -> handed-off; time-out -> closed |
 * | collecting | waits for the rest of a small body | whole -> busy; time-out, client gone -> closed |
 * | busy | the request is being answered; what comes meanwhile waits | response ended -> idle or flushing; client gone -> closed |
 * | flushing | the client has not taken the response yet | drained -> idle; stalled -> closed |
 * | handed-off | `node:http` has it, for ever | |
 */
export class DirectConnection implements DirectHost {
  readonly socket: Socket;
  readonly remoteAddress: string;
  readonly #options: DirectConnectionOptions;
  #state: State = 'idle';
  #exchange: DirectExchange | undefined;
  /** Read, and not used yet. */
  #ahead: Buffer | undefined;
  #isPaused = false;
  #head: RequestHead | undefined;
  #pieces: Buffer[] = [];
  #collected = 0;
  #collectingSinceMs = 0;
  #timeoutMs: number;
  readonly #reads: SharedReads | undefined;

  constructor(options: DirectConnectionOptions) {
    this.#options = options;
    const { socket, timeouts } = options;
    this.socket = socket;
    this.remoteAddress = plainAddress(socket.remoteAddress ?? '');
    this.#timeoutMs = timeouts.first;
    socket.setTimeout(timeouts.first);
    this.#reads = readShared(socket, this.#onData);
    if (this.#reads === undefined) socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.on('timeout', this.#onTimeout);
    socket.on('drain', this.#onDrain);
  }

  get nowMs(): number {
    return this.#options.clock.now();
  }

  get keepAliveSeconds(): number | undefined {
    return this.#options.isClosing() ? undefined : Math.floor(this.#options.timeouts.keepAlive / 1000);
  }

  /** Ends it now if nothing is being answered, else with the next response. */
  closeWhenIdle(): void {
    if (this.#state === 'idle' || this.#state === 'collecting') this.#close();
  }

  destroy(): void {
    this.#close();
  }

  responded(isLast: boolean): void {
    this.#exchange = undefined;
    if (this.#state !== 'busy') return;
    if (isLast) {
      this.#state = 'closed';
      // Not destroy: what was written has to arrive.
      this.socket.destroySoon();
      return;
    }
    if (this.socket.writableNeedDrain) {
      this.#state = 'flushing';
      return;
    }
    this.#becomeIdle();
  }

  limitStall(ms: number): void {
    if (this.#state === 'flushing' || this.#state === 'closed') this.#setTimeout(ms);
  }

  readonly #onData = (chunk: Buffer): void => {
    switch (this.#state) {
      case 'idle':
        if (this.#ahead === undefined) this.#begin(chunk);
        else this.#keepAhead(chunk);
        return;
      case 'collecting':
        this.#collect(chunk);
        return;
      case 'busy':
      case 'flushing':
        this.#keepAhead(chunk);
        return;
      case 'handed-off':
      case 'closed':
        return;
    }
  };

  /** The first bytes of a request. */
  #begin(chunk: Buffer): void {
    const head = parseRequestHead(chunk);
    if (head === undefined || head.contentLength > collectBytes) {
      this.#handOff(chunk);
      return;
    }
    const end = head.bodyAt + head.contentLength;
    if (chunk.length < end) {
      this.#state = 'collecting';
      this.#head = head;
      this.#pieces = [this.#kept(chunk)];
      this.#collected = chunk.length;
      this.#collectingSinceMs = this.#options.clock.monotonic();
      this.#setTimeout(this.#options.timeouts.bodyPause);
      return;
    }
    if (chunk.length > end) this.#keepAhead(chunk.subarray(end));
    this.#dispatch(head, this.#kept(chunk.subarray(head.bodyAt, end)));
  }

  #collect(chunk: Buffer): void {
    const head = this.#head as RequestHead;
    this.#pieces.push(this.#kept(chunk));
    this.#collected += chunk.length;
    const end = head.bodyAt + head.contentLength;
    if (this.#collected < end) {
      const { timeouts, clock } = this.#options;
      if (clock.monotonic() - this.#collectingSinceMs > timeouts.request) this.#refuseSlow();
      return;
    }
    const all = Buffer.concat(this.#pieces, this.#collected);
    this.#pieces = [];
    this.#head = undefined;
    if (all.length > end) this.#keepAhead(all.subarray(end));
    this.#dispatch(head, all.subarray(head.bodyAt, end));
  }

  #dispatch(head: RequestHead, body: Buffer): void {
    this.#setTimeout(this.#options.timeouts.keepAlive);
    this.#state = 'busy';
    const exchange = new DirectExchange(this, head, body);
    this.#exchange = exchange;
    this.#options.handle(exchange);
  }

  #keepAhead(chunk: Buffer): void {
    this.#ahead = this.#ahead === undefined ? this.#kept(chunk) : Buffer.concat([this.#ahead, chunk]);
    this.#pauseIf(this.#ahead.length >= maxAheadBytes);
  }

  /** What outlives the read that brought it. */
  #kept(bytes: Buffer): Buffer {
    return this.#reads === undefined || bytes.length === 0 ? bytes : Buffer.from(bytes);
  }

  #pauseIf(isTooMuch: boolean): void {
    if (isTooMuch === this.#isPaused || this.#state === 'handed-off') return;
    this.#isPaused = isTooMuch;
    if (isTooMuch) this.socket.pause();
    else this.socket.resume();
  }

  #becomeIdle(): void {
    this.#state = 'idle';
    this.#setTimeout(this.#options.timeouts.keepAlive);
    // Not at once: a client that sends many requests ahead would nest as many answers.
    if (this.#ahead !== undefined) setImmediate(this.#goOn);
    else if (this.#options.isClosing()) this.#close();
  }

  readonly #goOn = (): void => {
    const ahead = this.#ahead;
    if (this.#state !== 'idle' || ahead === undefined) return;
    this.#ahead = undefined;
    this.#begin(ahead);
    if (this.#ahead === undefined) this.#pauseIf(false);
  };

  #handOff(unread: Buffer): void {
    const { socket } = this;
    this.#state = 'handed-off';
    this.#detach();
    socket.setTimeout(0);
    // Paused while Node's parser attaches itself, so that it sees these bytes before those that are still on their way.
    socket.pause();
    this.#reads?.toStream();
    socket.unshift(this.#kept(unread));
    this.#options.onClosed(this);
    this.#options.handOff(socket);
    process.nextTick(() => socket.resume());
  }

  #refuseSlow(): void {
    this.socket.write('HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n', 'latin1');
    this.#state = 'closed';
    this.socket.destroySoon();
  }

  #setTimeout(ms: number): void {
    if (this.#timeoutMs === ms) return;
    this.#timeoutMs = ms;
    this.socket.setTimeout(ms);
  }

  #close(): void {
    this.#state = 'closed';
    this.socket.destroy();
  }

  #detach(): void {
    const { socket } = this;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    socket.off('timeout', this.#onTimeout);
    socket.off('drain', this.#onDrain);
  }

  /** A client that sends nothing more does not wait for an answer either: Node's own server reads it so too. */
  readonly #onEnd = (): void => {
    if (this.#state === 'closed') return;
    this.#close();
  };

  readonly #onError = (): void => this.#close();

  readonly #onClose = (): void => {
    this.#state = 'closed';
    this.#pieces = [];
    this.#ahead = undefined;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.gone();
    this.#options.onClosed(this);
  };

  readonly #onTimeout = (): void => {
    // A call may take longer than a connection may be idle; it has a deadline of its own.
    if (this.#state === 'busy') return;
    if (this.#state === 'collecting') this.#refuseSlow();
    else this.#close();
  };

  readonly #onDrain = (): void => {
    if (this.#state === 'flushing') this.#becomeIdle();
  };
}
