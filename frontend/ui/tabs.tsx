import { Tabs as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { tabClasses } from './tab-classes.ts';

interface TabItem {
  readonly id: string;
  readonly label: ReactNode;
  readonly content: ReactNode;
}

export interface TabsProps {
  readonly label: string;
  readonly items: readonly TabItem[];
  readonly value?: string;
  readonly onChange?: (id: string) => void;
}

/** Tabs inside of a page; tabs that are pages of their own are links. */
export function Tabs({ label, items, value, onChange }: TabsProps) {
  const state =
    value === undefined
      ? { defaultValue: items[0]?.id ?? '' }
      : { value, onValueChange: (id: string) => onChange?.(id) };
  return (
    <Radix.Root {...state} className="min-w-0">
      <Radix.List aria-label={label} className="flex overflow-x-auto border-b border-line">
        {items.map((item) => (
          <Radix.Trigger key={item.id} value={item.id} className={tabClasses}>
            {item.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {items.map((item) => (
        <Radix.Content key={item.id} value={item.id} className="pt-3">
          {item.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
