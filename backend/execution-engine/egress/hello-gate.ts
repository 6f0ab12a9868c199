import { Transform, type TransformCallback } from 'node:stream';
import { type ClientHello, maxHelloBytes, readClientHello } from './client-hello.ts';

/** What comes next on the wire: the hello that must be there, one that may follow an answer, or what is of no interest. */
type Stage = 'hello' | 'maybe-hello' | 'open';

const record = { changeCipherSpec: 20, alert: 21, handshake: 22 } as const;

/**
 * Holds back what a program says over TLS until `judge` has seen which host it asks for, and again when a server has it say hello a second time
 * (RFC 8446, 4.1.4), for which it could take another name. `judge` returns why it may not go on, or undefined; then this stream fails with that error.
 */
export class HelloGate extends Transform {
  readonly #judge: (hello: ClientHello | 'malformed') => Error | undefined;
  #stage: Stage = 'hello';
  #held: Buffer[] = [];
  #heldBytes = 0;
  #need = 0;

  constructor(judge: (hello: ClientHello | 'malformed') => Error | undefined) {
    super();
    this.#judge = judge;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    if (this.#stage === 'open') {
      done(null, chunk);
      return;
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    // Put together only when there is enough to know more: whoever sends byte by byte costs no more than the bytes.
    done(this.#heldBytes < this.#need ? null : this.#look());
  }

  /** What was held back at the end says nothing more. */
  override _flush(done: TransformCallback): void {
    for (const chunk of this.#stage === 'maybe-hello' ? this.#held : []) this.push(chunk);
    done();
  }

  #look(): Error | null {
    let bytes = Buffer.concat(this.#held);
    for (;;) {
      const step = this.#stage === 'open' ? bytes.length : this.#step(bytes);
      if (step instanceof Error) return step;
      if (step === 0) {
        this.#held = [bytes];
        this.#heldBytes = bytes.length;
        return null;
      }
      this.push(bytes.subarray(0, step));
      bytes = bytes.subarray(step);
      if (bytes.length === 0) break;
    }
    this.#held = [];
    this.#heldBytes = 0;
    this.#need = 0;
    return null;
  }

  /** How many bytes may go on; 0: more are needed. */
  #step(bytes: Buffer): number | Error {
    if (this.#stage === 'maybe-hello') {
      const next = nextOf(bytes);
      if (typeof next === 'number') return next;
      if (next === 'more') {
        this.#need = bytes.length + 1;
        return 0;
      }
      if (next === 'open') {
        this.#stage = 'open';
        return bytes.length;
      }
    }
    const reading = bytes[0] === record.handshake ? readClientHello(bytes) : helloOfOldForm;
    if (reading !== 'malformed' && 'need' in reading) {
      this.#need = reading.need;
      return 0;
    }
    const refused = this.#judge(reading === 'malformed' ? reading : reading.hello);
    if (refused !== undefined) return refused;
    this.#stage = this.#stage === 'hello' ? 'maybe-hello' : 'open';
    return reading === 'malformed' ? bytes.length : reading.length;
  }
}

/** SSL 2 could not name hosts, nor anything else that is looked for. The server that takes it goes on with TLS. */
const helloOfOldForm = { hello: { serverName: undefined, isEncrypted: false, hasEarlyData: false }, length: 1 };

/** After a hello: how many bytes lie in front of what counts, that a hello comes, that none does, or that there are too few to tell. */
function nextOf(bytes: Buffer): number | 'hello' | 'open' | 'more' {
  if (bytes.length < 12) return bytes[0] === record.handshake || bytes.length < 6 ? shortNext(bytes) : skipped(bytes);
  if (bytes[0] !== record.handshake) return skipped(bytes);
  if (bytes[5] !== 1) return 'open';
  // After a short handshake of TLS 1.2 what looks like a message is encrypted, and may begin with any byte.
  const length = bytes.readUInt16BE(3);
  const looksLikeHello = bytes.readUIntBE(6, 3) <= maxHelloBytes && bytes[9] === 3;
  return length < 40 || looksLikeHello ? 'hello' : 'open';
}

function shortNext(bytes: Buffer): 'open' | 'more' {
  const [type] = bytes;
  return type === record.handshake || type === record.changeCipherSpec || type === record.alert ? 'more' : 'open';
}

/** Records that may come in front of a second hello. */
function skipped(bytes: Buffer): number | 'open' | 'more' {
  const length = bytes.readUInt16BE(3);
  const isSmall = (bytes[0] === record.changeCipherSpec || bytes[0] === record.alert) && length <= 2;
  if (!isSmall) return 'open';
  return bytes.length < 5 + length ? 'more' : 5 + length;
}
