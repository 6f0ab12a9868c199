/**
 * What reads bytes and text that others chose, or checks signatures: frames, archives, routes, schedules, heads of HTTP and TLS, tokens, cursors, filters.
 * Every branch of these files is covered (`npm run test:coverage`), `npm run mutate` looks for changes that no test of theirs notices, and their property
 * tests can be run for millions of cases (CONTRIBUTING.md).
 */
interface Parser {
  readonly file: string;
  /** That cover it by themselves. */
  readonly tests: readonly string[];
}

/** Files of a folder that the same tests cover, by their names. */
const of = (folder: string, tests: readonly string[], names: readonly string[] = tests): readonly Parser[] =>
  names.map((name) => ({
    file: `${folder}/${name}.ts`,
    tests: tests.map((test) => `${folder}/${test}.test.ts`),
  }));
const engine = 'backend/execution-engine';

export const parsers: readonly Parser[] = [
  ...of(`${engine}/protocol`, ['frame-codec', 'agent-connection-fuzz'], ['frame-decoder', 'frame-encoder']),
  ...of(`${engine}/protocol`, ['messages']),
  ...of(`${engine}/protocol`, ['request-meta']),
  ...of(`${engine}/protocol`, ['response-head']),
  ...of(`${engine}/runtimes/nodejs/guest`, ['wire']),
  ...of(`${engine}/drivers/docker/engine`, ['demultiplexer']),
  ...of('backend/gateway/websocket', ['frames']),
  ...of('backend/gateway/websocket', ['handshake']),
  ...of('backend/gateway/fleet', ['link-frames']),
  ...of('backend/util', ['byte-codec']),
  ...of('backend/metrics/aggregator', ['dd-sketch']),
  ...of('backend/metrics/aggregator', ['gauge-sums']),
  ...of('backend/metrics/aggregator', ['measurement']),
  ...of(`${engine}/builder`, ['entry-path']),
  ...of(`${engine}/builder`, ['unpack'], ['staging-tree', 'tar-archive', 'zip-archive', 'unpack']),
  ...of('shared', ['route-trie'], ['route-pattern', 'route-trie']),
  ...of('backend/control-plane', ['segment-owners']),
  ...of('backend/control-plane', ['cron']),
  ...of('backend/scheduler', ['cron-ticks']),
  ...of('backend/core/policies', ['policies'], ['misfire']),
  ...of('backend/core', ['trace-context']),
  ...of('backend/secrets', ['envelope']),
  ...of('backend/secrets', ['key-ring']),
  ...of('backend/secrets', ['call-chain-signer']),
  ...of('backend/secrets', ['redaction']),
  ...of('backend/util', ['password-hash']),
  ...of('backend/util', ['public-address']),
  ...of('backend/gateway/auth', ['auth'], ['jwt', 'signature']),
  ...of('backend/gateway/auth', ['seen-messages']),
  ...of('backend/gateway/http', ['request-head']),
  ...of('backend/gateway/http', ['response-head']),
  ...of('backend/gateway', ['request-headers']),
  ...of(`${engine}/egress`, ['client-hello']),
  ...of(`${engine}/egress`, ['hello-gate']),
  ...of(`${engine}/egress`, ['opening']),
  ...of(`${engine}/egress`, ['allow-list']),
  ...of('backend/api', ['json-body'], ['json-body', 'json-position']),
  ...of('backend/api', ['etag']),
  ...of('backend/api/events', ['cursor']),
  ...of('backend/database', ['cursor']),
  ...of('shared', ['cors']),
  ...of('shared', ['log-filter']),
  ...of('shared', ['egress']),
  ...of('shared', ['http-host']),
  ...of('shared', ['topics']),
];
