/** How many instances are busy, idle, starting, or on their way out. What has no name here counts as ending. */
export function instanceCounts(instances: readonly { readonly state: string }[]): {
  readonly busy: number;
  readonly idle: number;
  readonly starting: number;
  readonly ending: number;
} {
  const counts = { busy: 0, idle: 0, starting: 0, ending: 0 };
  for (const { state } of instances) {
    if (state === 'busy' || state === 'idle' || state === 'starting') counts[state]++;
    else counts.ending++;
  }
  return counts;
}
