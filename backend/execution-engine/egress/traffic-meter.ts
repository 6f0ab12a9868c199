import type { Socket } from 'node:net';
import type { Clock } from '../../core/ports/clock.ts';
import type { EgressBytes } from '../../core/ports/egress-gate.ts';

interface Watched {
  readonly take: (moved: EgressBytes) => void;
  sent: number;
  received: number;
}

/** How long what a connection moves stays unsaid while it is open. */
const intervalMs = 1_000;

/**
 * Tells what connections move while they move it, so that one that is open for hours shows in every second of them. Every byte of a connection is
 * told once: about once a second, and the rest when it closes. What counts is what is on the wire, TLS of the proxy's own included.
 */
export class TrafficMeter {
  readonly #clock: Clock;
  readonly #open = new Map<Socket, Watched>();
  #isArmed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `take` must not throw. */
  watch(socket: Socket, take: (moved: EgressBytes) => void): void {
    this.#open.set(socket, { take, sent: 0, received: 0 });
    socket.once('close', () => {
      this.#tell(socket);
      this.#open.delete(socket);
    });
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.after(intervalMs, () => {
      this.#isArmed = false;
      for (const socket of this.#open.keys()) this.#tell(socket);
      if (this.#open.size > 0) this.#arm();
    });
  }

  #tell(socket: Socket): void {
    const watched = this.#open.get(socket);
    if (watched === undefined) return;
    const { bytesWritten, bytesRead } = socket;
    const sentBytes = bytesWritten - watched.sent;
    const receivedBytes = bytesRead - watched.received;
    if (sentBytes === 0 && receivedBytes === 0) return;
    watched.sent = bytesWritten;
    watched.received = bytesRead;
    watched.take({ sentBytes, receivedBytes });
  }
}
