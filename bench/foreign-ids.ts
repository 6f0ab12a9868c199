import type { ApiOperation } from '../tests/support/api-operations.ts';
import { type ForeignProject, foreignProject, isRefused, operationsWithIds } from '../tests/support/foreign-project.ts';
import { median, percentile, type Row, row } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const rounds = 3;
const samples = 700;
const rehearsals = 300;
const goal = 0.05;

type Kind = 'foreign' | 'missing';

/** Whether the time of a 404 tells that the thing is there, in a project of others. Every route with ids, in one process, without a network. */
export async function foreignIds(): Promise<readonly Row[]> {
  await using project = await foreignProject();
  const operations = operationsWithIds.filter((operation) => !isRefused(operation));
  const gaps = new Map(operations.map(({ operationId }) => [operationId, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const operation of operations) {
      progress(`${operation.operationId}, round ${round + 1} of ${rounds}`);
      gaps.get(operation.operationId)?.push(await gapOf(project, operation));
    }
  }
  // What is there shows in every round; what the machine did meanwhile does not.
  const ofRoutes = [...gaps].map(([name, found]) => ({ name, gap: median(found) }));
  const worst = ofRoutes.reduce((a, b) => (Math.abs(b.gap) > Math.abs(a.gap) ? b : a));
  const percent = (gap: number) => `${(gap * 100).toFixed(1)} %`;
  const usual = percent(median(ofRoutes.map(({ gap }) => Math.abs(gap))));
  const what = `404 for an id of a foreign project / for one that never was, widest gap of ${operations.length} routes`;
  const value = `${percent(worst.gap)} (${worst.name}), usually ${usual}`;
  return [row(what, value, `within ${percent(goal)}`, Math.abs(worst.gap) <= goal)];
}

/** How much longer the one takes than the other, as a share; of quick answers, which other work on the machine did not hold up. */
async function gapOf(project: ForeignProject, operation: ApiOperation): Promise<number> {
  const took: Record<Kind, number[]> = { foreign: [], missing: [] };
  for (let i = -rehearsals; i < 2 * samples; i++) {
    // By lot, so that drift of the machine falls on both alike.
    const kind = Math.random() < 0.5 ? 'foreign' : 'missing';
    const startedAt = process.hrtime.bigint();
    const { statusCode } = await project.send(operation, project[kind]);
    const tookNs = Number(process.hrtime.bigint() - startedAt);
    if (statusCode !== 404) throw new Error(`${operation.operationId} answered ${statusCode}`);
    if (i >= 0) took[kind].push(tookNs);
  }
  return percentile(took.foreign, 25) / percentile(took.missing, 25) - 1;
}
