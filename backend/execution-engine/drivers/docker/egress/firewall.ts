import { spawn } from 'node:child_process';
import { PlatformError } from '../../../../../shared/errors.ts';
import { type FirewallOptions, firewallFamilies, firewallRules } from './firewall-rules.ts';

const searchPath = '/usr/sbin:/usr/bin:/sbin:/bin';
const maxWordsBytes = 4096;

/** Rules of ours in the host's nftables. Needs root, or CAP_NET_ADMIN, in the network namespace of the daemon. */
export class Firewall {
  readonly #options: Omit<FirewallOptions, 'subnet'>;

  constructor(options: Omit<FirewallOptions, 'subnet'>) {
    this.#options = options;
  }

  /** Why rules cannot be installed here, with what to do, or undefined. Changes nothing. */
  async whyNot(): Promise<string | undefined> {
    try {
      await nft(['--check', '--file', '-'], firewallRules({ ...this.#options, subnet: '10.0.0.0/24' }));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Puts the rules in place, all at once. Rejects with `unavailable`/`egress_unavailable`. */
  async install(subnet: string | undefined): Promise<void> {
    await nft(['--file', '-'], firewallRules({ ...this.#options, subnet }));
  }

  /** Whether all tables are there: other software may have emptied the host's rules. */
  async isInstalled(): Promise<boolean> {
    try {
      for (const family of firewallFamilies) {
        const listed = await nft(['list', 'table', family, this.#options.table], '');
        if (!listed.includes(family === 'ip' ? 'masquerade' : 'drop')) return false;
      }
      return true;
    } catch {
      return false;
    }
  }

  async remove(): Promise<void> {
    for (const family of firewallFamilies) {
      await nft(['delete', 'table', family, this.#options.table], '').catch(() => undefined);
    }
  }
}

function nft(args: readonly string[], input: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn('nft', args, { env: { PATH: searchPath }, stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  let listed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    listed += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < maxWordsBytes) said += chunk.toString('utf8');
  });
  child.once('error', (cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'ENOENT'
        ? 'nftables is not installed; apt-get install nftables'
        : `nft cannot be run (${cause.message}); check its permissions`;
    reject(new PlatformError('unavailable', 'egress_unavailable', why, { cause }));
  });
  child.once('close', (code) => {
    if (code === 0) resolve(listed);
    else {
      const words = said.trim().split('\n')[0] ?? '';
      const fix = /permitted|denied/i.test(words)
        ? 'run Hearth as root, or with CAP_NET_ADMIN'
        : 'see whether the kernel has nftables';
      reject(new PlatformError('unavailable', 'egress_unavailable', `nft refused the rules (${words}); ${fix}`));
    }
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return promise;
}
