import { spawn } from 'node:child_process';
import { PlatformError } from '../../../../../shared/errors.ts';

const searchPath = '/usr/sbin:/usr/bin:/sbin:/bin';
const maxWordsBytes = 4096;
const packages = { nft: 'nftables', ip: 'iproute2', nsenter: 'util-linux' } as const;

/**
 * Runs a program that sets up networks, with `input` on its standard input; resolves with what it said. Rejects with `unavailable`/`egress_unavailable`,
 * which says what to do, when it is not there or fails.
 */
export function runNetworkProgram(
  program: keyof typeof packages,
  args: readonly string[],
  input = '',
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(program, args, { env: { PATH: searchPath }, stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    if (complaint.length < maxWordsBytes) complaint += chunk.toString('utf8');
  });
  child.once('error', (cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'ENOENT'
        ? `${program} is not installed; apt-get install ${packages[program]}`
        : `${program} cannot be run (${cause.message}); check its permissions`;
    reject(new PlatformError('unavailable', 'egress_unavailable', why, { cause }));
  });
  child.once('close', (code) => {
    if (code === 0) resolve(said);
    else {
      const words = complaint.trim().split('\n')[0] ?? '';
      const fix = /permitted|denied/i.test(words)
        ? 'run Hearth as root, or with CAP_NET_ADMIN'
        : 'see whether the kernel has nftables, tun and veth';
      reject(new PlatformError('unavailable', 'egress_unavailable', `${program} failed (${words}); ${fix}`));
    }
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return promise;
}
