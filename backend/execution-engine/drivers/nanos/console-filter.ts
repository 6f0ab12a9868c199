import { Transform, type TransformCallback } from 'node:stream';

const newline = 10;
/** What Nanos's kernel says begins with a time (src/runtime/runtime_init.c: `[seconds.microseconds] `) … */
const kernelLine = /^\[\d+\.\d{6}\] /;
/** … and what it writes when the program ends by a signal begins so (src/unix/signal.c), or with a trace of its own frames. */
const crashLine = /^\*\*\* signal (\d+) received by tid|^frame trace:/;
const memoryLine = /out of memory|failed to allocate memory|cannot get physical page/;
/** Any line of interest is shorter; the beginning of a longer one is passed on at once. */
const maxHeldBytes = 256;

/**
 * Tells what the program wrote from what the kernel wrote, on the one console of a unikernel: passes on the program's lines, keeps facts of the kernel's. A program
 * can write what looks like the kernel's; it deceives its own logs and the report of its own end, nothing else.
 */
export class ConsoleFilter extends Transform {
  readonly #onKernelLine: (line: string) => void;
  #held: Buffer = Buffer.alloc(0);
  #isMidLine = false;
  #signal: number | undefined;
  #isCrashing = false;
  #ranOutOfMemory = false;
  #isShuttingDown = false;

  /** `onKernelLine` gets lines for people: why a start failed. */
  constructor(onKernelLine: (line: string) => void) {
    super();
    this.#onKernelLine = onKernelLine;
  }

  /** The number of the signal that the kernel ended the program with. */
  get signal(): number | undefined {
    return this.#signal;
  }

  get ranOutOfMemory(): boolean {
    return this.#ranOutOfMemory;
  }

  /** The kernel has begun to end: the exit status of QEMU is the program's. */
  get isShuttingDown(): boolean {
    return this.#isShuttingDown;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
      this.#line(rest.subarray(0, end + 1));
      rest = rest.subarray(end + 1);
    }
    if (this.#isMidLine || rest.length > maxHeldBytes) {
      this.#pass(rest);
      this.#isMidLine = true;
      rest = rest.subarray(rest.length);
    }
    // A copy: the chunk is a view of a large read buffer.
    this.#held = Buffer.from(rest);
    done();
  }

  override _flush(done: TransformCallback): void {
    if (this.#held.length > 0) this.#line(this.#held);
    done();
  }

  #line(line: Buffer): void {
    const isWhole = !this.#isMidLine;
    this.#isMidLine = false;
    if (!isWhole || !this.#isKernel(line)) this.#pass(line);
  }

  #pass(bytes: Buffer): void {
    if (!this.#isCrashing && bytes.length > 0) this.push(bytes);
  }

  /** Most lines are told by their first byte. */
  #isKernel(line: Buffer): boolean {
    const first = line[0];
    if (first !== 0x5b && first !== 0x2a && first !== 0x66) return false;
    const text = line.toString('latin1', 0, maxHeldBytes).trim();
    const crash = crashLine.exec(text);
    if (crash !== null) {
      // Hundreds of lines of registers and stack follow.
      this.#isCrashing = true;
      if (crash[1] !== undefined) this.#signal ??= Number(crash[1]);
    } else if (!kernelLine.test(text)) return false;
    if (memoryLine.test(text)) this.#ranOutOfMemory = true;
    if (text.includes('storage_shutdown')) this.#isShuttingDown = true;
    else this.#onKernelLine(text);
    return true;
  }
}
