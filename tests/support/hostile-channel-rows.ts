import { brief, brokeProtocol, type HostileRow, node, type Outcome, ok, timeout } from './hostile-row.ts';

/** Finds the channel of the agent among its descriptors, and writes frames of docs/protocol.md to it. */
const before = `import { fstatSync, readlinkSync, writeSync } from 'node:fs';
const descriptors = Array.from({ length: 61 }, (_, i) => i + 3).filter((fd) => {
  try {
    const stat = fstatSync(fd);
    return stat.isSocket() || (stat.isCharacterDevice() && /channel|vport/.test(readlinkSync('/proc/self/fd/' + fd)));
  } catch { return false; }
});
const send = (bytes) => {
  for (let at = 0; at < bytes.length; ) {
    try { at += writeSync(descriptors[0], bytes, at); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
  }
};
const frame = (type, id, payload = '', { flags = 0, length, reserved = 0 } = {}) => {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(12);
  head.writeUInt32BE(length ?? body.length);
  head[4] = type;
  head[5] = flags;
  head[6] = reserved;
  head.writeUInt32BE(id, 8);
  return Buffer.concat([head, body]);
};
const types = { hello: 1, ready: 3, invoke: 4, body: 5, response: 7, error: 8, log: 10, window: 11, pong: 13, tunnelOpen: 17 };
const end = 1;
const head = (meta) => { const text = Buffer.from(JSON.stringify(meta)); const size = Buffer.alloc(4); size.writeUInt32BE(text.length); return Buffer.concat([size, text]); };
const answer = (body, meta = {}) => Buffer.concat([head({ status: 200, headers: [], event: true, cpuMs: 0, peakMemoryBytes: 0, ...meta }), Buffer.from(body)]);
const forever = () => new Promise(() => {});`;

const row = (title: string, body: string, outcome: Outcome, more: object = {}): HostileRow =>
  node('A16', title, body, [outcome], { before, ...more });
const breaking = (title: string, frames: string, detail: RegExp): HostileRow =>
  row(title, `try { send(${frames}); } catch {} await forever();`, brokeProtocol(detail));

/** Row A16: a function that writes to the channel past its agent. Its own answer may be forged; everything else ends its instance. */
export const channelRows: readonly HostileRow[] = [
  row(
    'forges its own answer, and answers again',
    `send(frame(types.response, calls, answer('{"forged":true}'), { flags: end })); return { mine: true };`,
    ok({ forged: true }),
  ),
  row(
    'answers a call that is over',
    `send(frame(types.response, calls - 1, answer('{"forged":true}'), { flags: end })); return { mine: true };`,
    ok({ mine: true }),
  ),
  breaking(
    'answers a call that was never made',
    "frame(types.response, calls + 1, answer('{}'), { flags: end })",
    /^call \d+ was never given out$/,
  ),
  breaking('writes rubbish', 'Buffer.alloc(4096, 0xff)', /^frame of 4294967295 bytes/),
  breaking('says that 4 GiB follow', "frame(types.log, calls, '', { length: 0xffff_ffff })", /^frame of 4294967295/),
  breaking(
    'says that a little more than is allowed follows',
    "frame(types.log, calls, '', { length: 1_114_113 })",
    /at most 1114112 are allowed/,
  ),
  breaking('sends a type that does not exist', 'frame(99, calls)', /type 99/),
  breaking('sends a flag that does not exist', "frame(types.log, calls, '', { flags: 128 })", /flag/),
  breaking('uses reserved bits', "frame(types.log, calls, '', { reserved: 1 })", /reserved/),
  breaking('says hello again', `frame(types.hello, 0, '{"protocol":1}')`, /^frame type 1 without a call while ready$/),
  breaking('says that it is ready again', "frame(types.ready, 0, '{}')", /^frame type 3 without a call while ready$/),
  breaking('sends what only the host may send', "frame(types.invoke, calls, '{}')", /^frame type 4 for a call$/),
  breaking('answers what was not asked', "frame(types.pong, 0, '12345678')", /not asked for/),
  breaking(
    'sends what is no JSON',
    `frame(types.response, calls, Buffer.concat([Buffer.from([0, 0, 0, 4]), Buffer.from('{{{{')]), { flags: end })`,
    /JSON/,
  ),
  breaking(
    'sends JSON of another shape',
    "frame(types.response, calls, answer('', { status: 'fine', headers: 7 }), { flags: end })",
    /RESPONSE|status|headers/,
  ),
  breaking('sends a body without a head', 'frame(types.body, calls, Buffer.alloc(10))', /^BODY before RESPONSE$/),
  breaking('opens a connection without a network', 'frame(types.tunnelOpen, 1)', /tunnel/i),
  breaking(
    'sends a million frames that mean nothing',
    'Buffer.alloc(16_000_000, frame(types.window, calls, Buffer.alloc(4)))',
    /frames that lead nowhere/,
  ),
  row(
    'sends half a frame and nothing more',
    "send(frame(types.log, calls, 'half', { length: 100 })); await forever();",
    timeout,
    { config: brief },
  ),
];
