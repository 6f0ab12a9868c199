import type { TableColumn } from '../ui/table.tsx';
import type { Selection } from './use-selection.ts';

/** The column in which rows are chosen. The key `x` finds its box by the mark (components/shortcuts.tsx). */
export function selectColumn<Row>(
  selection: Selection,
  keyOf: (row: Row) => string,
  labelOf: (row: Row) => string,
): TableColumn<Row> {
  return {
    id: 'select',
    label: 'Select',
    isLabelHidden: true,
    onPhone: 'bare',
    className: 'w-6 !pr-0',
    cell: (row) => (
      // biome-ignore lint/a11y/useKeyWithClickEvents: keeps the click of the mouse from opening the row
      <label className="grid size-6 cursor-pointer place-items-center" onClick={(event) => event.stopPropagation()}>
        <input
          type="checkbox"
          data-shortcut="select"
          className="size-4 accent-accent"
          aria-label={labelOf(row)}
          checked={selection.ids.has(keyOf(row))}
          onChange={() => selection.toggle(keyOf(row))}
        />
      </label>
    ),
  };
}
