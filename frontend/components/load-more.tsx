import { Button } from '../ui/button.tsx';

export interface LoadMoreProps {
  readonly query: {
    readonly hasNextPage: boolean;
    readonly isFetchingNextPage: boolean;
    readonly fetchNextPage: () => Promise<unknown>;
  };
}

export function LoadMore({ query }: LoadMoreProps) {
  if (!query.hasNextPage) return null;
  return (
    <div className="border-t border-line p-2 text-center">
      <Button
        tone="ghost"
        isBusy={query.isFetchingNextPage}
        onClick={() => {
          query.fetchNextPage().catch(() => undefined);
        }}
      >
        Load more
      </Button>
    </div>
  );
}
