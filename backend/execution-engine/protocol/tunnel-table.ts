import type { Duplex } from 'node:stream';
import type { FrameEncoder } from './frame-encoder.ts';
import { emptyBuffer, frameFlags, frameTypes, maxTunnels, Violation } from './frames.ts';
import { Tunnel, type TunnelHost } from './tunnel.ts';

/** How many tunnels an agent may open per ten seconds; those beyond are closed at once, and a flood of them is an attack. */
const opens = { windowMs: 10_000, served: 2000, most: 20_000 } as const;
/** Frames for tunnels that are over, and empty ones: some come from races. */
const idleFrames = { free: 10_000, perTunnel: 64 } as const;

export interface TunnelTableOptions {
  readonly encoder: FrameEncoder;
  readonly monotonic: () => number;
  readonly flush: () => void;
  readonly isWritable: () => boolean;
}

/** The connections out of one sandbox. Closed until `accept` says who takes them; then an agent may open some, by ids that grow. */
export class TunnelTable {
  readonly #options: TunnelTableOptions;
  readonly #tunnels = new Map<number, Tunnel>();
  readonly #host: TunnelHost;
  #accept: ((stream: Duplex) => void) | undefined;
  #lastId = 0;
  #opened = 0;
  #windowOpened = 0;
  #windowSince = 0;
  #idleFrames = 0;

  constructor(options: TunnelTableOptions) {
    this.#options = options;
    const { encoder, flush, isWritable } = options;
    this.#host = { encoder, flush, isWritable, over: (tunnel) => this.#tunnels.delete(tunnel.id) };
  }

  get isOpen(): boolean {
    return this.#accept !== undefined;
  }

  accept(take: (stream: Duplex) => void): void {
    this.#accept = take;
  }

  /** Throws `Violation` for what no honest agent sends. */
  receive(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.#accept === undefined) throw new Violation('a tunnel, which this function may not have');
    if (type === frameTypes.tunnelOpen) this.#open(id, payload, this.#accept);
    else if (id > this.#lastId) throw new Violation(`tunnel ${id} was never opened`);
    else this.#pass(type, flags, id, payload);
  }

  /** The channel has room again. */
  pump(): void {
    for (const tunnel of this.#tunnels.values()) tunnel.pump();
  }

  /** Ends what is open, on both sides; others may be opened. */
  closeAll(): void {
    for (const tunnel of [...this.#tunnels.values()]) tunnel.destroy();
  }

  /** The connection is over, and with it what went through it. */
  close(): void {
    for (const tunnel of [...this.#tunnels.values()]) tunnel.onClose();
  }

  #open(id: number, payload: Buffer, take: (stream: Duplex) => void): void {
    if (id <= this.#lastId || payload.length > 0) throw new Violation(`TUNNEL_OPEN ${id} is not well-formed`);
    if (this.#tunnels.size >= maxTunnels) throw new Violation(`more than ${maxTunnels} tunnels at once`);
    this.#lastId = id;
    this.#opened++;
    if (!this.#isServed()) {
      this.#options.encoder.raw(frameTypes.tunnelClose, 0, id, emptyBuffer);
      this.#options.flush();
      return;
    }
    const tunnel = new Tunnel(id, this.#host);
    this.#tunnels.set(id, tunnel);
    take(tunnel);
  }

  #isServed(): boolean {
    const now = this.#options.monotonic();
    if (now - this.#windowSince > opens.windowMs) {
      this.#windowSince = now;
      this.#windowOpened = 0;
    }
    this.#windowOpened++;
    if (this.#windowOpened > opens.most) throw new Violation(`more than ${opens.most} tunnels in ten seconds`);
    return this.#windowOpened <= opens.served;
  }

  #pass(type: number, flags: number, id: number, payload: Buffer): void {
    const tunnel = this.#tunnels.get(id);
    const isLast = (flags & frameFlags.end) !== 0;
    if (tunnel === undefined) this.#idle();
    else if (type === frameTypes.tunnelData) {
      if (payload.length === 0 && !isLast) this.#idle();
      tunnel.onData(payload, isLast);
    } else if (type === frameTypes.tunnelClose) tunnel.onClose();
    else {
      if (payload.length !== 4) throw new Violation('TUNNEL_WINDOW is not 4 bytes');
      const bytes = payload.readUInt32BE(0);
      if (!tunnel.onWindow(bytes) || bytes < 1024) this.#idle();
    }
  }

  #idle(): void {
    this.#idleFrames++;
    if (this.#idleFrames > idleFrames.free + idleFrames.perTunnel * this.#opened)
      throw new Violation(`${this.#idleFrames} tunnel frames that lead nowhere`);
  }
}
