import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { processServerError } from '../api/server-error.ts';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Skeleton } from '../ui/spinner.tsx';

type Result<T> = Pick<UseQueryResult<T>, 'data' | 'error' | 'refetch' | 'isFetching'>;

export interface QueryViewProps<T> {
  readonly query: Result<T>;
  readonly lines?: number;
  /** Shows bars although the document is there: what goes above it is not known yet. */
  readonly isHeld?: boolean;
  readonly children: (data: NonNullable<T>) => ReactNode;
}

/** Bars while a document is loading, the reason when it cannot be had, and otherwise what is in it, even if it could not be renewed. */
export function QueryView<T>({ query, lines, isHeld = false, children }: QueryViewProps<T>) {
  const { data } = query;
  if (!isHeld && data !== undefined && data !== null) return children(data);
  if (query.error === null) return <Skeleton lines={lines ?? 4} />;
  const retry = () => {
    query.refetch().catch(() => undefined);
  };
  return (
    <ErrorCallout
      error={processServerError(query.error)}
      actions={
        <Button size="small" onClick={retry} isBusy={query.isFetching}>
          Try again
        </Button>
      }
    />
  );
}
