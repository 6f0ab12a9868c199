/** Numbers of the instance protocol, docs/protocol.md. The agents have their own copies: they are single files. */
export const protocolVersion = 1;

export const frameTypes = {
  hello: 1,
  init: 2,
  ready: 3,
  invoke: 4,
  body: 5,
  end: 6,
  response: 7,
  error: 8,
  cancel: 9,
  log: 10,
  window: 11,
  ping: 12,
  pong: 13,
  drain: 14,
  beforeSnapshot: 15,
  afterRestore: 16,
  tunnelOpen: 17,
  tunnelData: 18,
  tunnelWindow: 19,
  tunnelClose: 20,
} as const;
export const highestFrameType = frameTypes.tunnelClose;

export const frameFlags = { end: 1, batch: 2 } as const;
export const knownFlags = frameFlags.end | frameFlags.batch;

export const headerBytes = 12;
/** Credit for body bytes that each direction of each call starts with. */
export const initialCreditBytes = 1_048_576;
/** The JSON in front of a response body; what a head may hold is far less. */
export const maxResponseMetaBytes = 65_536;
export const maxPayloadBytes = initialCreditBytes + 65_536;
/** Body bytes in one BODY frame. */
export const maxChunkBytes = 262_144;
/** Tunnels that one agent may have open. */
export const maxTunnels = 64;
/** Credit that each direction of each tunnel starts with: what one of them can hold of the memory of the other side. */
export const tunnelCreditBytes = 131_072;
/** Bytes in one TUNNEL_DATA frame. */
export const maxTunnelChunkBytes = 65_536;
/** Ids are 32 bits and never used twice; from here on a connection takes no more calls. */
export const lastCallId = 0xffff_0000;

export const emptyBuffer: Buffer = Buffer.alloc(0);

/** The agent broke the protocol. It never leaves this folder: the connection turns it into outcomes and `onViolation`. */
export class Violation extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Violation';
  }
}
