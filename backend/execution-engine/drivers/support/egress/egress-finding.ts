/** What a probe says of `egress`, where `why` is why it cannot be "all", or undefined. */
export function egressFinding(why: string | undefined): {
  readonly egress: ReadonlySet<'none' | 'all'>;
  readonly notes: readonly string[];
} {
  if (why === undefined) return { egress: new Set(['none', 'all']), notes: [] };
  return { egress: new Set(['none']), notes: [`egress "all" is not there: ${why}`] };
}
