import type { LogLine } from '../../shared/api/invocations.ts';
import { paths } from '../path-builder.ts';

/** How much is shown on each side of a line: at least what a range may be short. */
const aroundMs = 5000;

/** Where a line is found again as long as it is kept: the lines of its call, or those around it. */
export function lineLink(line: Pick<LogLine, 'at' | 'functionName' | 'invocationId'>, origin: string): string {
  const at = Date.parse(line.at);
  const query = new URLSearchParams({ range: `${at - aroundMs}-${at + aroundMs}` });
  if (line.invocationId !== null) query.set('filter', `inv:${line.invocationId}`);
  return `${origin}${paths.function(line.functionName, 'logs')}?${query}`;
}
