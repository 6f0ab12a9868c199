import type { Metrics } from '../../shared/api/metrics.ts';
import { Card } from '../ui/card.tsx';
import { Fact } from '../ui/fact.tsx';
import { counted, formatCount, formatMs } from '../util/format.ts';

/** What batches and single flight were good for in the range; nothing where neither happened. */
export function TogetherCard({ total }: { readonly total: Metrics['total'] }) {
  const batches = total?.batches ?? null;
  const sharedCalls = total?.sharedCalls ?? 0;
  if (batches === null && sharedCalls === 0) return null;
  return (
    <Card title="Calls that ran together">
      <dl>
        {batches !== null && (
          <Fact
            name="Calls in a batch"
            value={(batches.invocations / batches.count).toFixed(1)}
            note={`${counted(batches.invocations, 'call')} in ${batches.count === 1 ? '1 batch' : `${formatCount(batches.count)} batches`}; the first of each waited ${formatMs(batches.meanWaitMs)} on average`}
          />
        )}
        {sharedCalls > 0 && (
          <Fact
            name="Calls that shared an answer"
            value={formatCount(sharedCalls)}
            note="The same request was running already, and its response was theirs as well"
          />
        )}
      </dl>
    </Card>
  );
}
