import { ArrowDown, ArrowUp } from 'lucide-react';
import type { ReactNode } from 'react';
import { classes } from './classes.ts';
import { ScrollArea } from './scroll-area.tsx';

export interface TableColumn<Row> {
  readonly id: string;
  readonly label: string;
  /** The label is for screen readers only, as of buttons. */
  readonly isLabelHidden?: boolean;
  readonly cell: (row: Row) => ReactNode;
  readonly isNumber?: boolean;
  /** Left out on narrow screens. */
  readonly isSecondary?: boolean;
  readonly isSortable?: boolean;
  readonly className?: string;
}

export interface TableSort {
  readonly column: string;
  readonly isDescending: boolean;
}

export interface TableProps<Row> {
  readonly label: string;
  readonly columns: readonly TableColumn<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly sort?: TableSort;
  readonly onSort?: (sort: TableSort) => void;
  readonly onRowClick?: (row: Row) => void;
  readonly rowClass?: (row: Row) => string | undefined;
}

function Head<Row>({ column, sort, onSort }: { column: TableColumn<Row> } & Pick<TableProps<Row>, 'sort' | 'onSort'>) {
  const isSorted = sort?.column === column.id;
  const order = isSorted ? (sort.isDescending ? 'descending' : 'ascending') : undefined;
  const Arrow = isSorted && sort.isDescending ? ArrowDown : ArrowUp;
  return (
    <th
      scope="col"
      aria-sort={column.isSortable === true ? (order ?? 'none') : undefined}
      className={classes(
        'px-3 py-2 text-xs font-medium whitespace-nowrap text-faint first:pl-4 last:pr-4',
        column.isNumber === true ? 'text-right' : 'text-left',
        column.isSecondary === true && 'hidden lg:table-cell',
      )}
    >
      {column.isSortable === true ? (
        <button
          type="button"
          className="inline-flex min-h-6 items-center gap-1 hover:text-text"
          onClick={() =>
            onSort?.({ column: column.id, isDescending: isSorted ? !sort.isDescending : column.isNumber === true })
          }
        >
          {column.isNumber !== true && column.label}
          <Arrow aria-hidden="true" className={classes('size-3', !isSorted && 'opacity-0')} />
          {column.isNumber === true && column.label}
        </button>
      ) : (
        <span className={column.isLabelHidden === true ? 'sr-only' : ''}>{column.label}</span>
      )}
    </th>
  );
}

/** A dense table that scrolls sideways by itself when the screen is narrow. */
export function Table<Row>({ label, columns, rows, rowKey, sort, onSort, onRowClick, rowClass }: TableProps<Row>) {
  return (
    <ScrollArea label={label} className="relative overflow-x-auto">
      <table className="tabular w-full border-collapse text-sm">
        <thead>
          <tr className="border-b border-line">
            {columns.map((column) => (
              <Head
                key={column.id}
                column={column}
                {...(sort === undefined ? {} : { sort })}
                {...(onSort === undefined ? {} : { onSort })}
              />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            // The row as a whole is a larger target for the mouse; the link or button inside it serves the keyboard.
            <tr
              key={rowKey(row)}
              onClick={onRowClick === undefined ? undefined : () => onRowClick(row)}
              className={classes(
                'border-b border-line last:border-0 hover:bg-raised',
                onRowClick !== undefined && 'cursor-pointer',
                rowClass?.(row),
              )}
            >
              {columns.map((column) => (
                <td
                  key={column.id}
                  className={classes(
                    'px-3 py-2 first:pl-4 last:pr-4',
                    column.isNumber === true && 'text-right whitespace-nowrap',
                    column.isSecondary === true && 'hidden lg:table-cell',
                    column.className,
                  )}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollArea>
  );
}
