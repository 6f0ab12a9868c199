import { type Duplex, duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { EgressProxy } from '../../backend/execution-engine/egress/egress-proxy.ts';
import { GuardedDialer } from '../../backend/execution-engine/egress/guarded-dialer.ts';
import type { EgressAllowList } from '../../shared/egress.ts';
import { wallClock } from './nodejs-agent-rig.ts';

interface RigOptions {
  readonly allow: EgressAllowList['allow'];
  readonly values?: ReadonlyMap<string, string>;
  readonly ca?: string;
  readonly addresses?: readonly string[];
  readonly allowsPrivate?: boolean;
  readonly stallTimeoutMs?: number;
}
/** A proxy with one client, whose connections are pairs in memory; names lead to this machine. */
export function egressRig({
  allow,
  addresses = ['127.0.0.1'],
  allowsPrivate = true,
  values = new Map(),
  ca,
  stallTimeoutMs,
}: RigOptions) {
  const asked: string[] = [];
  const resolve = (name: string) => {
    asked.push(name);
    return Promise.resolve(addresses);
  };
  const dialer = new GuardedDialer({
    allowsPrivate,
    resolve,
    connectTimeoutMs: 2000,
    ...(ca === undefined ? {} : { ca }),
  });
  const secrets = { read: (project: string, name: string) => (project === 'default' ? values.get(name) : undefined) };
  const proxy = new EgressProxy({
    dialer,
    clock: wallClock,
    secrets,
    ...(stallTimeoutMs === undefined ? {} : { stallTimeoutMs }),
  });
  const notes: string[] = [];
  const refusals: string[] = [];
  const moved = { sentBytes: 0, receivedBytes: 0 };
  const take = proxy.admit({
    rules: { allow: [...allow] },
    project: 'default',
    note: (line) => notes.push(line),
    refused: (host, reason) => refusals.push(`${host} ${reason}`),
    moved: ({ sentBytes, receivedBytes }) => {
      moved.sentBytes += sentBytes;
      moved.receivedBytes += receivedBytes;
    },
  });
  const connect = (): Duplex => {
    const [inside, outside] = duplexPair();
    take(outside);
    return inside;
  };
  const say = async (request: string): Promise<string> => {
    const connection = connect();
    connection.write(request);
    return await text(connection);
  };
  return { proxy, notes, refusals, asked, moved, connect, say };
}
