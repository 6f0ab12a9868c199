import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeCpio } from './cpio.ts';
import {
  bridgeDescriptors,
  goOnBytes,
  goOnStatus,
  guestBridge,
  guestInit,
  guestPorts,
  vsockDescriptors,
  vsockPorts,
} from './guest-init.ts';
import { dialProgram, goOnProgram, pairProgram, settleEntropyBytes, settleProgram } from './guest-programs.ts';
import { kernelArguments } from './kernel-arguments.ts';
import { uncompressedKernel } from './kernel-image.ts';
import { unpackLz4Legacy } from './lz4.ts';
import { StaticProgram } from './static-program.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-guest-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** One LZ4 legacy frame with this block. */
function frame(...block: readonly number[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184c2102, 0);
  head.writeUInt32LE(block.length, 4);
  return Buffer.concat([head, Buffer.from(block)]);
}

describe('LZ4 of kernels', () => {
  it('unpacks literals and matches that overlap what they write', () => {
    // 'ab', then 10 bytes from 2 back, then the last literals '!'.
    const block = [0x26, 0x61, 0x62, 2, 0, 0x10, 0x21];
    expect(unpackLz4Legacy(frame(...block), 64).toString()).toBe('abababababab!');
  });

  it('ignores the size that the build of a kernel appends', () => {
    const packed = Buffer.concat([frame(0x10, 0x78), Buffer.from([1, 0, 0, 0])]);
    expect(unpackLz4Legacy(packed, 64).toString()).toBe('x');
  });

  it.for([
    ['a match before the beginning', [0x10, 0x61, 9, 0]],
    ['a literal longer than its block', [0xf0, 40, 0x61]],
    ['more than is allowed', [0x1f, 0x61, 1, 0, 255, 0]],
  ] as const)('refuses %s', ([, block]) => {
    expect(() => unpackLz4Legacy(frame(...block), 64)).toThrow('cannot be unpacked');
  });
});

describe('kernel images', () => {
  const elf = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(100, 7)]);
  const bzImage = (payload: Buffer): Buffer => {
    const image = Buffer.alloc(512 * 3 + payload.length);
    image.writeUInt8(1, 0x1f1);
    image.write('HdrS', 0x202, 'latin1');
    image.writeUInt32LE(512, 0x248);
    image.writeUInt32LE(payload.length, 0x24c);
    payload.copy(image, 512 * 3);
    return image;
  };

  it('takes an ELF file as it is, and the one inside a bzImage', () => {
    expect(uncompressedKernel(elf)).toEqual(elf);
    expect(uncompressedKernel(bzImage(gzipSync(elf)))).toEqual(elf);
  });

  it('says what is wrong with anything else', () => {
    expect(() => uncompressedKernel(Buffer.from('no kernel'))).toThrow('neither a bzImage nor an ELF file');
    expect(() => uncompressedKernel(bzImage(Buffer.from('????')))).toThrow('magic 3f3f3f3f) is not known');
    expect(() => uncompressedKernel(bzImage(gzipSync(Buffer.from('text'))))).toThrow('is no ELF file');
  });
});

it('writes archives that cpio reads, the same each time', (context) => {
  const entries = [
    { kind: 'directory', path: 'bin' },
    { kind: 'file', path: 'bin/tool', mode: 0o700, bytes: Buffer.from('four') },
    { kind: 'symlink', path: 'bin/link', target: 'tool' },
    { kind: 'device', path: 'null', mode: 0o666, major: 1, minor: 3 },
  ] as const;
  const archive = writeCpio(entries);
  expect(archive.equals(writeCpio(entries))).toBe(true);
  expect(archive.length % 4).toBe(0);
  const listed = spawnSync('cpio', ['-tv', '--quiet', '--numeric-uid-gid'], { input: archive, encoding: 'utf8' });
  context.skip(listed.error !== undefined, 'cpio is not installed');
  const lines = listed.stdout.trim().split('\n');
  expect(lines.map((line) => line.split(/\s+/)[0])).toEqual(['drwxr-xr-x', '-rwx------', 'lrwxrwxrwx', 'crw-rw-rw-']);
  expect(lines[2]).toContain('bin/link -> tool');
});

describe.skipIf(process.arch !== 'x64')('static programs', () => {
  const run = (program: Buffer, input: Buffer | string, ...args: readonly string[]) => {
    const path = join(directory, 'program');
    writeFileSync(path, program, { mode: 0o755 });
    return spawnSync(path, [...args], { input, encoding: 'utf8', env: { GREETING: 'hello' } });
  };

  it('write, end with 0, and with their own status when a call fails', () => {
    const greeting = new StaticProgram(9).text('words', 'hi').call(1, 1, { data: 'words' }, 2);
    expect(run(greeting.build(), '')).toMatchObject({ status: 0, stdout: 'hi' });
    expect(run(new StaticProgram(9).call(3, 77).build(), '')).toMatchObject({ status: 9 });
    expect(run(new StaticProgram(9).attempt(3, 77).build(), '')).toMatchObject({ status: 0 });
  });

  it('read exactly what they want', () => {
    const program = new StaticProgram(9).data('bytes', Buffer.alloc(4)).readExactly('bytes', 4);
    const echo = program.call(1, 1, { data: 'bytes' }, 4).build();
    expect(run(echo, 'abcdef')).toMatchObject({ status: 0, stdout: 'abcd' });
    expect(run(echo, 'abc')).toMatchObject({ status: 9, stdout: '' });
  });

  it('become another program with arguments and environment', () => {
    const program = new StaticProgram(9).attempt(39).executeArguments().build();
    expect(run(program, '', '/bin/sh', '-c', 'echo "$GREETING $1"', 'sh', 'you')).toMatchObject({
      stdout: 'hello you\n',
    });
    expect(run(program, '', '/no/such/program')).toMatchObject({ status: 9 });
  });

  it('change no clock without the whole of what they need', () => {
    const tooLittle = Buffer.alloc(16 + settleEntropyBytes - 1);
    for (const program of [settleProgram(), goOnProgram('serial'), goOnProgram('vsock')])
      expect(run(program, tooLittle)).toMatchObject({ status: 1, stdout: '' });
  });

  it('end early when a byte is the one that they wait for, and with the status of the step that failed', () => {
    const program = new StaticProgram(9).data('byte', Buffer.alloc(1)).readExactly('byte', 1).endIfByte('byte', 0x61);
    const rest = program.failWith(7).call(3, 77).build();
    expect(run(rest, 'a')).toMatchObject({ status: 0 });
    expect(run(rest, 'b')).toMatchObject({ status: 7 });
    expect(run(rest, '')).toMatchObject({ status: 9 });
  });

  describe('that let a guest go on', () => {
    /** strace answers in place of the kernel: neither clock, generator nor mounts of this machine change. */
    const trace = (program: Buffer, asked: Buffer | string, mounting: string) => {
      const path = join(directory, 'go-on');
      writeFileSync(path, program, { mode: 0o755 });
      const pretend = [
        'clock_settime:retval=0',
        'ioctl:retval=0',
        'open:retval=5',
        'poll:retval=1',
        `mount:${mounting}`,
      ];
      const injections = pretend.flatMap((what) => ['-e', `inject=${what}`]);
      const args = ['-e', 'trace=open,dup2,read,write,clock_settime,ioctl,poll,mount', ...injections, path];
      const files = ['thawed', 'generator'].map((name) => openSync(join(directory, name), 'w'));
      const [thawed = 0, generator = 0] = files;
      const input = Buffer.concat([Buffer.alloc(16 + settleEntropyBytes, 1), Buffer.from(asked)]);
      const stdio = ['pipe', 'pipe', 'pipe', thawed, 'ignore', generator] as const;
      const traced = spawnSync('strace', args, { input, stdio: [...stdio], encoding: 'utf8' });
      for (const file of files) closeSync(file);
      return traced;
    };
    const thaws = [
      /^open\("\/dev\/urandom"/,
      /^dup2\(5, 4\)/,
      /^write\(0, "time/,
      /^read\(0/,
      /^clock_settime/,
      /^write\(4/,
      /^ioctl\(4/,
      /^write\(0, "settled 1/,
      /^write\(3, "0", 1\)/,
    ];
    const inOrder = (stderr: string, patterns: readonly RegExp[]): void => {
      const lines = stderr.split('\n');
      let at = -1;
      for (const pattern of patterns) {
        at = lines.findIndex((line, index) => index > at && pattern.test(line));
        expect(at, `${pattern} in ${stderr}`).toBeGreaterThanOrEqual(0);
      }
    };
    const mounts = /^mount\("\/dev\/vdb", "\/root\/app", "erofs", MS_RDONLY\|MS_NOSUID\|MS_NODEV, NULL\)/;

    it('say that the time is set before they thaw, and stay until there is something to read', (context) => {
      const traced = trace(goOnProgram('vsock'), '', 'retval=0');
      context.skip(traced.error !== undefined, 'strace is not installed');
      inOrder(traced.stderr, [...thaws, /^poll\(\[\{fd=0, events=POLLIN\}\], 1, -1\)/]);
      expect(readFileSync(join(directory, 'thawed'), 'utf8')).toBe('0');
    });

    it('leave a request that is for init to it, and mount the code by themselves', (context) => {
      const forInit = trace(goOnProgram('serial'), Buffer.of(goOnBytes.init, 0x75), 'retval=0');
      context.skip(forInit.error !== undefined, 'strace is not installed');
      inOrder(forInit.stderr, [...thaws, /^read\(0, "\\n", 1\)/]);
      expect(forInit).toMatchObject({ status: 0 });
      expect(forInit.stderr).not.toMatch(/mount\(|"u"/);
      const { code, init } = goOnBytes;
      const loaded = trace(goOnProgram('serial'), Buffer.of(code, init, 0x75), 'retval=0');
      const answers = [/^read\(0, "c", 1\)/, mounts, /^write\(0, "code 1\\n", 7\)/, /^read\(0, "\\n", 1\)/];
      inOrder(loaded.stderr, [...thaws, ...answers]);
      expect(loaded).toMatchObject({ status: 0 });
    });

    it('tell init by their status that the code cannot be mounted', (context) => {
      const refused = trace(goOnProgram('serial'), Buffer.of(goOnBytes.code), 'error=EINVAL');
      context.skip(refused.error !== undefined, 'strace is not installed');
      inOrder(refused.stderr, [...thaws, mounts]);
      expect(refused).toMatchObject({ status: goOnStatus.noCode });
      expect(refused.stderr).not.toContain('code 1');
    });
  });

  it('call the host, put each connection where init has it, and become another program', (context) => {
    const path = join(directory, 'dial');
    writeFileSync(path, dialProgram(), { mode: 0o755 });
    // strace answers in place of the kernel: no call reaches anybody.
    const pretend = ['socket:retval=3', 'connect:retval=0', 'dup2:retval=5', 'close:retval=0'];
    const injections = pretend.flatMap((what) => ['-e', `inject=${what}`]);
    const args = ['-e', 'trace=socket,connect,dup2,close', ...injections, path, '/bin/true'];
    const traced = spawnSync('strace', args, { encoding: 'utf8' });
    context.skip(traced.error !== undefined, 'strace is not installed');
    const lines = traced.stderr.split('\n');
    for (const [name, port] of Object.entries(vsockPorts)) {
      const at = lines.findIndex((line) => line.includes(`svm_port=${`0x${port.toString(16)}`}`));
      expect(lines[at - 1], name).toMatch(/^socket\(AF_VSOCK, SOCK_STREAM, 0\)/);
      expect(lines[at], name).toMatch(/^connect\(3, \{sa_family=AF_VSOCK, svm_cid=(VMADDR_CID_HOST|0x2), .*\}, 16\)/);
      expect(lines[at + 1], name).toContain(`dup2(3, ${vsockDescriptors[name as keyof typeof vsockPorts]})`);
    }
    // Without vsock it ends with a status of its own.
    const refused = ['-e', 'inject=socket:error=EAFNOSUPPORT', path, '/bin/true'];
    expect(spawnSync('strace', refused).status).toBe(126);
  });
});

describe('the bridge of a guest over vsock', () => {
  it('and init have the two ends of what is between them, and nothing else is open', () => {
    const path = join(directory, 'pair');
    writeFileSync(path, pairProgram(), { mode: 0o755 });
    // What init has has even hands: each line goes in at one end and comes out of the other.
    const { channel, stdout, stderr, control } = vsockDescriptors;
    const script = `echo to-bridge >&${control}; read -r line <&${bridgeDescriptors.control}; echo $line >&2
      echo to-init >&${bridgeDescriptors.control}; read -r line <&${control}; echo $line >&2
      echo from-agent >&${channel}; read -r line <&${bridgeDescriptors.channel}; echo $line >&2
      echo out >&${stdout}; read -r line <&${bridgeDescriptors.stdout}; echo $line >&2
      echo err >&${stderr}; read -r line <&${bridgeDescriptors.stderr}; echo $line >&2
      for n in /proc/$$/fd/*; do [ "\${n##*/}" -lt 10 ] && printf "%s " "\${n##*/}" >&2; done`;
    const { stderr: said } = spawnSync(path, ['/bin/sh', '-c', script], { encoding: 'utf8', input: '' });
    expect(said.split('\n')).toEqual(['to-bridge', 'to-init', 'from-agent', 'out', 'err', '0 1 2 3 4 5 6 7 8 9 ']);
  });

  it('is a script that a shell understands', () => {
    const checked = spawnSync('/bin/sh', ['-n'], { input: guestBridge(), encoding: 'utf8' });
    expect(checked).toMatchObject({ status: 0, stderr: '' });
  });
});

it.for(['serial', 'vsock'] as const)('has an init for %s that a shell understands', (transport) => {
  const init = guestInit(transport);
  const checked = spawnSync('/bin/sh', ['-n'], { input: init, encoding: 'utf8' });
  expect(checked).toMatchObject({ status: 0, stderr: '' });
  const ends =
    transport === 'serial' ? Object.values(guestPorts).map((port) => `vport0p${port}`) : ['', 'dial /bin/sh /bridge'];
  for (const end of ends.slice(1)) expect(init).toContain(end);
  expect(init).not.toContain('undefined');
});

it('names devices on the command line of the kernel, and fits', () => {
  const text = kernelArguments({ root: '/dev/vda', code: '/dev/vdb', hasCode: true, isEmulated: true });
  expect(text).toContain('hearth.root=/dev/vda hearth.code=/dev/vdb hearth.load');
  expect(text).toContain('mitigations=off');
  expect(text).toContain('psi=0 nowatchdog lsm=landlock,yama');
  expect(kernelArguments({ root: '/dev/vda', code: '/dev/vdb', hasCode: false, isEmulated: false })).not.toMatch(
    /hearth\.load|mitigations/,
  );
  // COMMAND_LINE_SIZE of x86 is 2048.
  expect(text.length).toBeLessThan(1024);
});
