import { usualModules } from '../backend/execution-engine/runtimes/python/preloaded-modules.ts';
import type { StartLayer } from '../shared/invocation.ts';
import { firstCalls } from './support/first-calls.ts';
import { median, percentile, type Row, row } from './support/numbers.ts';

const rounds = 15;
const goalMs = 8;
/** What the usual modules import in turn makes more than 200 that are loaded; the handler refuses to answer with fewer. */
const leastModules = 200;

const main = `import sys
import ${usualModules.join(', ')}
def handler(event, context):
    assert len(sys.modules) >= ${leastModules}
    return {"ok": True}`;

/** First calls of Python functions that import 200 modules of the standard library, by the layer that they start from. */
export async function startLayers(): Promise<readonly Row[]> {
  const preloaded = await python('preloaded', 'standard');
  const preWarmed = await python('pre-warmed', 'none');
  const cold = await python('cold', 'standard');
  const isMet = median(preloaded) <= goalMs;
  return [
    row('Python with 200 standard modules, preloaded', words(preloaded), `median <= ${goalMs} ms`, isMet, preloaded),
    row('the same, pre-warmed', words(preWarmed), '', undefined, preWarmed),
    row('the same, cold', words(cold), '', undefined, cold),
  ];
}

async function python(layer: StartLayer, preload: string): Promise<readonly number[]> {
  return await firstCalls({
    layer,
    runtime: 'python',
    rounds,
    source: '',
    config: { handler: 'main.handler', files: { 'main.py': main } },
    environment: { HEARTH_PYTHON_PRELOAD: preload },
  });
}

function words(took: readonly number[]): string {
  return `median ${median(took).toFixed(1)} ms, p95 ${percentile(took, 95).toFixed(1)} ms`;
}
