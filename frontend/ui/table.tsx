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
  /** In a table whose rows are stacked on phones: `line` has one to itself, `bare` stands there without its label, as does `line`. */
  readonly onPhone?: 'line' | 'bare';
  readonly className?: string;
}

interface TableSort {
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
  /** On phones each row becomes a few lines with its labels, instead of a table that scrolls sideways. */
  readonly isStacked?: boolean;
}

/** What elements of tables are, said once more: browsers forget it of those that are laid out as something else. */
const as = {
  table: { role: 'table' },
  group: { role: 'rowgroup' },
  row: { role: 'row' },
  head: { role: 'columnheader' },
  cell: { role: 'cell' },
} as const;

const stacked = {
  table: 'max-sm:block',
  /** What sorts stays, in a line that wraps; the other headings are at the values. */
  headRow: 'max-sm:flex max-sm:flex-wrap max-sm:gap-x-4 max-sm:px-4 max-sm:py-1',
  row: 'max-sm:flex max-sm:flex-wrap max-sm:items-center max-sm:gap-x-2.5 max-sm:gap-y-1 max-sm:px-4 max-sm:py-2.5',
  cell: 'max-sm:min-w-0 max-sm:!p-0 max-sm:!text-left',
  line: 'max-sm:basis-full',
  labelled:
    'max-sm:before:mr-1.5 max-sm:before:text-xs max-sm:before:text-faint max-sm:before:content-[attr(data-label)]',
} as const;

function Head<Row>({
  column,
  sort,
  onSort,
  isStacked,
}: { column: TableColumn<Row> } & Pick<TableProps<Row>, 'sort' | 'onSort' | 'isStacked'>) {
  const isSorted = sort?.column === column.id;
  const order = isSorted ? (sort.isDescending ? 'descending' : 'ascending') : undefined;
  const Arrow = isSorted && sort.isDescending ? ArrowDown : ArrowUp;
  return (
    <th
      {...as.head}
      scope="col"
      aria-sort={column.isSortable === true ? (order ?? 'none') : undefined}
      className={classes(
        'px-3 py-2 text-xs font-medium whitespace-nowrap text-faint first:pl-4 last:pr-4',
        column.isNumber === true ? 'text-right' : 'text-left',
        column.isSecondary === true && 'hidden lg:table-cell',
        isStacked && (column.isSortable === true ? 'max-sm:!p-0' : 'max-sm:sr-only'),
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

/** A dense table that scrolls sideways by itself when the screen is narrow, unless its rows are stacked there. */
export function Table<Row>({ label, columns, rows, rowKey, onRowClick, rowClass, ...head }: TableProps<Row>) {
  const isStacked = head.isStacked === true;
  const hasOrder = columns.some((column) => column.isSortable === true);
  return (
    <ScrollArea label={label} className="relative overflow-x-auto">
      <table {...as.table} className={classes('tabular w-full border-collapse text-sm', isStacked && stacked.table)}>
        <thead {...as.group} className={isStacked ? (hasOrder ? stacked.table : 'max-sm:sr-only') : ''}>
          <tr {...as.row} className={classes('border-b border-line', isStacked && stacked.headRow)}>
            {columns.map((column) => (
              <Head key={column.id} column={column} {...head} />
            ))}
          </tr>
        </thead>
        <tbody {...as.group} className={isStacked ? stacked.table : ''}>
          {rows.map((row) => (
            // The row as a whole is a larger target for the mouse; the link or button inside it serves the keyboard.
            <tr
              key={rowKey(row)}
              {...as.row}
              onClick={onRowClick === undefined ? undefined : () => onRowClick(row)}
              className={classes(
                'group border-b border-line last:border-0 hover:bg-raised',
                onRowClick !== undefined && 'cursor-pointer',
                isStacked && stacked.row,
                rowClass?.(row),
              )}
            >
              {columns.map((column) => (
                <td
                  key={column.id}
                  {...as.cell}
                  data-label={column.label}
                  className={classes(
                    'px-3 py-2 first:pl-4 last:pr-4',
                    column.isNumber === true && 'text-right whitespace-nowrap',
                    column.isSecondary === true && 'hidden lg:table-cell',
                    isStacked && stacked.cell,
                    isStacked && column.onPhone === 'line' && stacked.line,
                    isStacked && column.onPhone === undefined && stacked.labelled,
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
