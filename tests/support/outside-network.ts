import { spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';

/** Plays the internet: an address that is public by its number, in a network namespace of the test's own. */
export const outside = '11.22.33.44';
/** Plays a machine in the host's own network, and what the host has there. */
export const inside = '10.123.45.67';
export const hostSide = '10.123.45.1';
const name = `hearth-t${process.pid}`;
const link = `ht${process.pid}`;

/** Runs a program to its end; what it says. Throws with its complaints. */
export function run(command: string, ...args: string[]): string {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr ?? done.error?.message}`);
  return done.stdout;
}

/** Why `startOutside` cannot be had here, or undefined. */
export function whyNoOutside(): string | undefined {
  const can = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
  if (process.getuid?.() !== 0) return 'a network of its own needs root';
  if (!can('nft', 'list', 'tables')) return 'nftables is not there';
  if (!can('ip', '-V')) return 'iproute2 is not installed';
  return undefined;
}

/** What servers of `startOutside` do besides greeting whoever connects. */
export interface BulkPorts {
  /** Sends so many bytes, and ends. */
  readonly sends?: { readonly port: number; readonly bytes: number };
  /** Takes what it is sent, and ends when there is no more. */
  readonly takes?: number;
}

/** A namespace with both addresses and a server on each, on all `ports`, behind a link to this host. `end` removes it. */
export function startOutside(ports: readonly number[], { sends, takes }: BulkPorts = {}) {
  const remove = (): void => {
    spawnSync('ip', ['link', 'delete', link]);
    spawnSync('ip', ['netns', 'delete', name]);
  };
  try {
    makeOutside();
  } catch (error) {
    remove();
    throw error;
  }
  const all = [...ports, ...(sends === undefined ? [] : [sends.port]), ...(takes === undefined ? [] : [takes])];
  const script = `let missing = ${all.length};
const said = (port) => (port === ${sends?.port} ? Buffer.alloc(${sends?.bytes ?? 0}) : 'hello\\n');
const serve = (port) => (socket) => { socket.on('error', () => {}); if (port === ${takes}) socket.resume(); else socket.end(said(port)); };
for (const port of ${JSON.stringify(all)}) require('node:net').createServer(serve(port)).listen(port, '0.0.0.0', () => { if (--missing === 0) console.log('listening'); })`;
  const child = spawnChild('ip', ['netns', 'exec', name, process.execPath, '-e', script]);
  const end = (): void => {
    child.kill();
    remove();
  };
  return { listening: child.listening, end };
}

function makeOutside(): void {
  run('ip', 'netns', 'add', name);
  run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  run('ip', 'address', 'add', `${hostSide}/24`, 'dev', link);
  run('ip', 'link', 'set', link, 'up');
  run('ip', 'route', 'add', `${outside}/32`, 'dev', link);
  const within = (...args: string[]) => run('ip', 'netns', 'exec', name, ...args);
  within('ip', 'address', 'add', `${inside}/24`, 'dev', 'eth0');
  within('ip', 'address', 'add', `${outside}/32`, 'dev', 'eth0');
  within('ip', 'link', 'set', 'eth0', 'up');
  within('ip', 'link', 'set', 'lo', 'up');
}

/** A program that says `listening` when it does. */
export function spawnChild(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const listening = new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}`)));
  });
  listening.catch(() => undefined);
  return { listening, kill: () => child.kill('SIGKILL') };
}

/** Whether this host itself reaches it. */
export function connects(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, timeout: 2000 });
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  socket.once('timeout', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
