import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Gauge } from 'lucide-react';
import type { DriverDocument } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { toast } from '../ui/toast.tsx';
import { costFigures, documentedCosts } from '../util/level-costs.ts';

/** For levels that this host can give: nobody has to deploy something to learn what one costs here. */
function MeasureButton({ name, isMeasured }: { readonly name: string; readonly isMeasured: boolean }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const measure = useMutation({
    mutationFn: () => api.measureDriver(name),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['system'] });
      toast.done(`${name} was measured on this machine`);
    },
    onError: (error) => toast.failed(`${name} was not measured`, error),
  });
  const text = measure.isPending ? 'Measuring' : isMeasured ? 'Measure again' : 'Measure here';
  return (
    <PermittedButton
      operation="measureDriver"
      size="small"
      icon={<Gauge className="size-3.5" aria-hidden="true" />}
      isBusy={measure.isPending}
      aria-label={`${text}: ${name}`}
      onClick={() => measure.mutate()}
    >
      {text}
    </PermittedButton>
  );
}

function Level({
  driver,
  baseline,
}: {
  readonly driver: DriverDocument;
  readonly baseline: DriverDocument | undefined;
}) {
  const figures = costFigures(driver, baseline);
  const documented = documentedCosts[driver.name];
  const isDocumented =
    documented !== undefined && figures.some(({ value, seen }) => seen === undefined && value !== '–');
  return (
    <li className="border-b border-line py-2 last:border-0">
      <p className="flex items-center justify-between gap-2 font-medium text-text">
        {driver.name}
        {driver.status === 'healthy' && (
          <MeasureButton name={driver.name} isMeasured={figures.every(({ seen }) => seen !== undefined)} />
        )}
      </p>
      <dl className="tabular mt-0.5 grid grid-cols-[minmax(0,1fr)_auto] gap-x-3">
        {figures.map(({ label, value, seen }) => (
          <div key={label} className="col-span-2 grid grid-cols-subgrid">
            <dt>
              {label}
              {seen !== undefined && <span className="text-faint"> · here, {seen}</span>}
            </dt>
            <dd className={seen === undefined ? 'text-right text-faint' : 'text-right text-text'}>
              {value}
              {seen === undefined && value !== '–' && '*'}
            </dd>
          </div>
        ))}
      </dl>
      {isDocumented && (
        <p className="text-faint">
          * documented on {documented.date}, {documented.where}; not seen on this machine yet
        </p>
      )}
    </li>
  );
}

/** What each isolation level costs, beside the choice; folded, as most people take the default. */
export function LevelCosts({ drivers }: { readonly drivers: readonly DriverDocument[] }) {
  const shown = drivers.filter(({ name }) => name !== 'fake' && name !== 'unsandboxed');
  const baseline = shown.find(({ name }) => name === 'process');
  if (shown.length === 0) return null;
  return (
    <details className="text-xs text-muted">
      <summary className="min-h-6 leading-6">What each level costs</summary>
      <ul className="mt-1">
        {shown.map((driver) => (
          <Level key={driver.name} driver={driver} baseline={baseline} />
        ))}
      </ul>
    </details>
  );
}
