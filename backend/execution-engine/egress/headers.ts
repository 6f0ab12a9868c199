/** RFC 9110, 7.6.1, and what belongs to the way to a proxy. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The headers that go on from one side of a proxy to the other, with all their values. */
export function forwardableHeaders(raw: readonly string[]): Record<string, string[]> {
  const pairs = raw.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1] ?? ''] as const] : []));
  const named = new Set(
    pairs.flatMap(([name, value]) => (name === 'connection' ? value.toLowerCase().split(/\s*,\s*/) : [])),
  );
  const headers: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of pairs) {
    if (hopByHop.has(name) || named.has(name)) continue;
    headers[name] ??= [];
    headers[name].push(value);
  }
  return headers;
}
