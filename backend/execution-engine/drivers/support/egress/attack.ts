import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';

const attempts = `'use strict';
const net = require('node:net');
const attempt = (target) => new Promise((resolve) => {
  const at = target.lastIndexOf(':');
  const socket = net.connect({ host: target.slice(0, at), port: Number(target.slice(at + 1)) });
  const end = (open) => { socket.destroy(); resolve(open ? target : undefined); };
  socket.setTimeout(400, () => end(false));
  socket.once('connect', () => end(true));
  socket.once('error', () => end(false));
});
const attack = (targets) => Promise.all(targets.map(attempt)).then((open) => open.filter(Boolean));
`;

/** What runs inside: tries to connect to each `host:port` of its arguments, and answers one line of JSON with those that it reached. */
export const attackProgram = `${attempts}
const channel = net.connect(process.env.HEARTH_CHANNEL.slice('unix:'.length));
channel.on('error', () => process.exit(1));
channel.on('close', () => process.exit(0));
channel.on('data', () => {});
attack(process.argv.slice(2)).then((open) => channel.write(JSON.stringify({ open, tmpMb: 0 }) + '\\n'));
`;

/** The same for `node -e`, with its answer on its standard output. */
export const attackScript = `${attempts}
attack(process.argv.slice(1)).then((open) => console.log(JSON.stringify(open)));
`;

const metadataAddress = '169.254.169.254:80';

/** Listens on every address of this host for as long as `run` takes, and gives it what must not be reachable from a sandbox. */
export async function withTargets<T>(gateway: string, run: (targets: readonly string[]) => Promise<T>): Promise<T> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '0.0.0.0', resolve);
  });
  try {
    const { port } = server.address() as AddressInfo;
    const own = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter((address) => address.family === 'IPv4' && !address.internal)
      .map((address) => address.address);
    return await run([...new Set([gateway, ...own])].map((address) => `${address}:${port}`).concat(metadataAddress));
  } finally {
    server.close();
  }
}
