import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Card } from '../ui/card.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { LoadMore } from './load-more.tsx';
import { QueryView } from './query-view.tsx';

export interface ListCardProps<Row> {
  readonly title: string;
  readonly note: string;
  /** Of the table, for screen readers. */
  readonly label: string;
  readonly query: UseInfiniteQueryResult<InfiniteData<{ readonly items: readonly Row[] }>>;
  readonly columns: readonly TableColumn<Row>[];
  /** Instead of a table without rows. */
  readonly emptyText: string;
  /** Below the list: what belongs to the row that was chosen. */
  readonly children?: ReactNode;
}

/** What has happened, page by page, as a table to the edges of a card. */
export function ListCard<Row extends { readonly id: string }>(props: ListCardProps<Row>) {
  const { title, note, label, query, columns, emptyText, children } = props;
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card title={title} note={note} isFlush className="mt-4">
      <div className={query.data === undefined ? 'p-4' : ''}>
        <QueryView query={query} lines={4}>
          {() =>
            rows.length === 0 ? (
              <p className="px-4 py-3 text-sm text-muted">{emptyText}</p>
            ) : (
              <Table label={label} isStacked columns={columns} rows={rows} rowKey={(row) => row.id} />
            )
          }
        </QueryView>
        <LoadMore query={query} />
      </div>
      {children}
    </Card>
  );
}
