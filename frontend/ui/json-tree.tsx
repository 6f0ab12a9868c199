import { ChevronRight } from 'lucide-react';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What a structured line says, or undefined where the text is no JSON object. */
export function jsonObjectOf(text: string): { readonly [key: string]: Json } | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Deeper values come as text. */
const maxDepth = 12;
const maxChildren = 200;

function Leaf({ value }: { readonly value: Json }) {
  const tone = typeof value === 'string' ? 'text-text' : typeof value === 'number' ? 'text-info' : 'text-accent';
  return <span className={`${tone} break-words whitespace-pre-wrap`}>{JSON.stringify(value)}</span>;
}

function Entry({ name, value, depth }: { readonly name: string; readonly value: Json; readonly depth: number }) {
  const isLeaf = value === null || typeof value !== 'object' || depth >= maxDepth;
  if (isLeaf) {
    return (
      <li className="pl-4">
        <span className="text-muted">{name}: </span>
        <Leaf value={value} />
      </li>
    );
  }
  const children = Object.entries(value);
  return (
    <li>
      <details open={depth < 2} className="group">
        <summary className="flex min-h-6 cursor-pointer list-none items-center gap-0.5 text-muted">
          <ChevronRight className="size-3.5 group-open:rotate-90" aria-hidden="true" />
          {name}{' '}
          <span className="text-faint">{Array.isArray(value) ? `[${children.length}]` : `{${children.length}}`}</span>
        </summary>
        <Entries entries={children} depth={depth + 1} />
      </details>
    </li>
  );
}

function Entries({
  entries,
  depth,
}: {
  readonly entries: readonly (readonly [string, Json])[];
  readonly depth: number;
}) {
  return (
    <ul className="pl-3">
      {entries.slice(0, maxChildren).map(([key, child]) => (
        <Entry key={key} name={key} value={child} depth={depth} />
      ))}
      {entries.length > maxChildren && <li className="pl-4 text-faint">… {entries.length - maxChildren} more</li>}
    </ul>
  );
}

/** A value as a tree that opens and closes. */
export function JsonTree({ value }: { readonly value: { readonly [key: string]: Json } }) {
  return <Entries entries={Object.entries(value)} depth={1} />;
}
