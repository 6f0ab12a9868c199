/** Names of headers that belong to one hop and are not passed on (RFC 9110, 7.6.1), and of those between a client and its proxy; in lower case. */
export const hopByHopHeaders: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Headers that are not passed on to a function: those of one hop, and what the platform itself answers. */
export const notPassedOn: ReadonlySet<string> = new Set([...hopByHopHeaders, 'expect']);
