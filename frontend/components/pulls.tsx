import { useQuery } from '@tanstack/react-query';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { formatBytes } from '../util/format.ts';

/** How far the platform is with images that it pulls. */
export function Pulls({ className }: { readonly className: string }) {
  const { data } = useQuery(queries.pulls(useApi()));
  return (
    <ul className={`flex flex-col gap-1 ${className}`}>
      {(data?.pulls ?? []).map((pull) => (
        <li key={pull.reference} className="tabular">
          <code className="font-mono wrap-anywhere">{pull.reference}</code>: {pull.layersDone} of {pull.layers} layers,{' '}
          {formatBytes(pull.currentBytes)} of {formatBytes(pull.totalBytes)}
        </li>
      ))}
    </ul>
  );
}
