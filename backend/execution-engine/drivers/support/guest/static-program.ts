import { codeAddress, elfProgram } from '../../../../util/elf-program.ts';

/** x86-64 registers by their number in instruction encodings; r12 and r13 survive system calls. */
const registers = { rax: 0, rdx: 2, rsi: 6, rdi: 7, r8: 8, r10: 10, r12: 12, r13: 13 } as const;
/** Linux passes the arguments of system calls in these, in order. */
const argumentOrder = ['rdi', 'rsi', 'rdx', 'r10', 'r8'] as const;

/** A number, a place in the program's data, or a register that the program has filled. */
export type Operand = number | { readonly data: string } | { readonly register: 'rax' | 'r12' | 'r13' };

/**
 * Makes tiny static programs for x86-64 Linux out of system calls, so that what runs as root inside a guest is a few hundred bytes of our own and
 * no compiler is needed. A call that fails ends the program with `failureStatus`.
 */
export class StaticProgram {
  readonly #code: number[] = [];
  readonly #fixups: { readonly at: number; readonly name: string }[] = [];
  readonly #data: Buffer[] = [];
  readonly #places = new Map<string, number>();
  #failureStatus: number;
  #dataBytes = 0;

  constructor(failureStatus: number) {
    this.#failureStatus = failureStatus;
  }

  /** Adds named bytes that the program may read and write. */
  data(name: string, bytes: Buffer): this {
    this.#places.set(name, this.#dataBytes);
    this.#data.push(bytes);
    this.#dataBytes += bytes.length;
    return this;
  }

  text(name: string, text: string): this {
    return this.data(name, Buffer.from(`${text}\0`));
  }

  call(number: number, ...operands: readonly Operand[]): this {
    this.#syscall(number, operands);
    return this.#failIf(0x79);
  }

  /** As `call`, but goes on when the call fails. */
  attempt(number: number, ...operands: readonly Operand[]): this {
    this.#syscall(number, operands);
    return this;
  }

  /** Keeps the result of the last call in r12. */
  keepResult(): this {
    this.#emit(0x49, 0x89, 0xc4);
    return this;
  }

  /** Reads exactly so many bytes from descriptor 0 into `name`; fails when there are fewer. */
  readExactly(name: string, bytes: number): this {
    this.#move('r12', { data: name });
    this.#move('r13', bytes);
    const loop = this.#code.length;
    this.#syscall(0, [0, { register: 'r12' }, { register: 'r13' }]);
    this.#failIf(0x7f);
    // add r12, rax; sub r13, rax; jnz loop
    this.#emit(0x49, 0x01, 0xc4, 0x49, 0x29, 0xc5, 0x75);
    this.#emit((loop - (this.#code.length + 1)) & 0xff);
    return this;
  }

  /** The status that calls end the program with from here on. */
  failWith(status: number): this {
    this.#failureStatus = status;
    return this;
  }

  /** Ends the program with 0 when the first byte of `name` is this one. */
  endIfByte(name: string, byte: number): this {
    this.#move('rax', { data: name });
    // cmp byte [rax], imm8; jne over the exit
    this.#emit(0x80, 0x38, byte, 0x75, 12);
    this.#exit(0);
    return this;
  }

  /** Becomes the program that the arguments name, with the arguments after it and the environment. */
  executeArguments(): this {
    // mov rdi, [rsp+16]; lea rsi, [rsp+16]; mov rax, [rsp]; lea rdx, [rsp+rax*8+16] (rsp: argc, argv …, 0, environment …)
    this.#emit(0x48, 0x8b, 0x7c, 0x24, 0x10, 0x48, 0x8d, 0x74, 0x24, 0x10);
    this.#emit(0x48, 0x8b, 0x04, 0x24, 0x48, 0x8d, 0x54, 0xc4, 0x10);
    this.#emit(0xb8, 59, 0, 0, 0, 0x0f, 0x05);
    return this.#fail();
  }

  /** The ELF file: one segment, readable, writable and executable, with code and data. */
  build(): Buffer {
    if (this.#code.length === 0) throw new Error('a program without code');
    this.#exit(0);
    const dataAt = codeAddress + BigInt(this.#code.length);
    const code = Buffer.from(this.#code);
    for (const { at, name } of this.#fixups) {
      const place = this.#places.get(name);
      if (place === undefined) throw new Error(`no data is named ${name}`);
      code.writeBigUInt64LE(dataAt + BigInt(place), at);
    }
    return elfProgram('x64', Buffer.concat([code, ...this.#data]), { isWritable: true });
  }

  #syscall(number: number, operands: readonly Operand[]): void {
    operands.forEach((operand, index) => {
      this.#move(argumentOrder[index] ?? 'r8', operand);
    });
    this.#move('rax', number);
    this.#emit(0x0f, 0x05);
  }

  /** `movabs register, imm64`, or `mov register, register`. */
  #move(target: keyof typeof registers, operand: Operand): void {
    const to = registers[target];
    if (typeof operand === 'object' && 'register' in operand) {
      const from = registers[operand.register];
      this.#emit(0x48 | (from > 7 ? 4 : 0) | (to > 7 ? 1 : 0), 0x89, 0xc0 | ((from & 7) << 3) | (to & 7));
      return;
    }
    this.#emit(to > 7 ? 0x49 : 0x48, 0xb8 | (to & 7));
    if (typeof operand === 'object') this.#fixups.push({ at: this.#code.length, name: operand.data });
    const immediate = Buffer.alloc(8);
    immediate.writeBigInt64LE(typeof operand === 'number' ? BigInt(operand) : 0n);
    this.#emit(...immediate);
  }

  /** `test rax, rax`, and a jump over the exit on this condition (0x79: not negative, 0x7f: above zero). */
  #failIf(whenFine: 0x79 | 0x7f): this {
    this.#emit(0x48, 0x85, 0xc0, whenFine, 12);
    return this.#fail();
  }

  /** 12 bytes: exit_group(failureStatus). */
  #fail(): this {
    this.#exit(this.#failureStatus);
    return this;
  }

  #exit(status: number): void {
    this.#emit(0xbf, status, 0, 0, 0, 0xb8, 231, 0, 0, 0, 0x0f, 0x05);
  }

  #emit(...bytes: readonly number[]): void {
    this.#code.push(...bytes);
  }
}
