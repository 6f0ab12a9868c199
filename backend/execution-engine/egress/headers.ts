import { hopByHopHeaders } from '../../../shared/hop-by-hop.ts';

/** The headers that go on from one side of a proxy to the other, as name, value, name, value; without those named in `but`, in lower case. */
export function forwardableHeaders(raw: readonly string[], ...but: readonly string[]): string[] {
  const pairs = raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1] ?? ''] as const] : []));
  const named = pairs
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(/[\s,]+/));
  const dropped = new Set([...hopByHopHeaders, ...named, ...but]);
  return pairs.filter(([name]) => !dropped.has(name.toLowerCase())).flat();
}
