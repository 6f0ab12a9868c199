import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';

/** Beyond this many pages a list says that it is not whole. */
const maxPages = 10;

/** All functions with their numbers, page after page in the background, so that sorting and sums are of all of them. */
export function useAllFunctions(search = '') {
  const query = useInfiniteQuery(queries.functions(useApi(), search));
  const { data, hasNextPage, isFetching, fetchNextPage } = query;
  const pages = data?.pages.length ?? 0;
  useEffect(() => {
    if (hasNextPage && !isFetching && pages > 0 && pages < maxPages) fetchNextPage().catch(() => undefined);
  }, [hasNextPage, isFetching, pages, fetchNextPage]);
  const functions: readonly FunctionDocument[] | undefined = data?.pages.flatMap((page) => page.items);
  return { query, functions };
}
