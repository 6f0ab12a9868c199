import { CircleAlert, CircleCheck, X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { processServerError } from '../api/server-error.ts';
import { IconButton } from './button.tsx';

interface Toast {
  readonly id: number;
  readonly tone: 'ok' | 'danger';
  readonly title: string;
  readonly text: string | undefined;
}

let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function publish(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

function dismiss(id: number): void {
  publish(toasts.filter((toast) => toast.id !== id));
}

function show(tone: Toast['tone'], title: string, text: string | undefined, ms: number): void {
  const id = ++lastId;
  publish([...toasts.slice(-3), { id, tone, title, text }]);
  setTimeout(() => dismiss(id), ms);
}

/** Short answers to what somebody just did. Errors stay longer. */
export const toast = {
  done: (title: string, text?: string) => show('ok', title, text, 5000),
  failed: (title: string, error: unknown) => {
    const problem = processServerError(error);
    show('danger', title, `${problem.message} (${problem.code})`, 12_000);
  },
} as const;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toaster() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div
      aria-live="polite"
      className="fixed right-3 bottom-3 z-50 flex w-[min(24rem,calc(100vw-1.5rem))] flex-col gap-2"
    >
      {shown.map((item) => (
        <div
          key={item.id}
          className="dialog-content flex items-start gap-2.5 rounded-lg border border-line-strong bg-surface p-3 shadow-xl"
        >
          {item.tone === 'ok' ? (
            <CircleCheck aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-ok" />
          ) : (
            <CircleAlert aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-danger" />
          )}
          <div className="min-w-0 grow">
            <p className="font-medium">{item.title}</p>
            {item.text !== undefined && <p className="text-sm break-words text-muted">{item.text}</p>}
          </div>
          <IconButton label="Dismiss" onClick={() => dismiss(item.id)}>
            <X className="size-4" aria-hidden="true" />
          </IconButton>
        </div>
      ))}
    </div>
  );
}
