import { useInfiniteQuery } from '@tanstack/react-query';
import { ScrollText } from 'lucide-react';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { EmptyState } from '../ui/empty-state.tsx';
import { LoadMore } from './load-more.tsx';
import { LogList } from './log-list.tsx';
import { QueryView } from './query-view.tsx';

export interface StoredLinesProps {
  readonly functionName: string | undefined;
  readonly filter: string;
  /** RFC 3339, both included. */
  readonly since: string;
  readonly until: string;
  readonly isWrapped: boolean;
  readonly onInvocation: (id: string) => void;
}

/** The lines of a part of the past, oldest first, more when asked for. */
export function StoredLines({ functionName, filter, since, until, ...list }: StoredLinesProps) {
  const query = useInfiniteQuery(queries.storedLogs(useApi(), functionName, { filter, since, until }));
  return (
    <>
      <div className={query.data === undefined ? 'p-4' : ''}>
        <QueryView query={query} lines={8}>
          {({ pages }) => {
            const lines = pages.flatMap((page) => page.items);
            if (lines.length > 0) return <LogList lines={lines} withFunction={functionName === undefined} {...list} />;
            return (
              <EmptyState
                icon={<ScrollText />}
                title={query.hasNextPage ? 'No line matches so far' : 'No line of this time matches'}
              >
                {query.hasNextPage
                  ? 'Only a part of the time was looked at; load more to go on.'
                  : 'Choose another time, or another filter.'}
              </EmptyState>
            );
          }}
        </QueryView>
      </div>
      <LoadMore query={query} />
    </>
  );
}
