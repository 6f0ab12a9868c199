import { type ReactNode, useEffect } from 'react';

export interface PageHeaderProps {
  /** Also the title of the browser's tab. */
  readonly title: string;
  readonly heading?: ReactNode;
  readonly note?: ReactNode;
  readonly actions?: ReactNode;
}

export function PageHeader({ title, heading, note, actions }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${title} · Hearth`;
  }, [title]);
  return (
    <header className="mb-4 flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
      <div className="min-w-0">
        <h1 className="text-2xl font-semibold tracking-tight break-words">{heading ?? title}</h1>
        {note !== undefined && <div className="mt-0.5 text-sm text-muted">{note}</div>}
      </div>
      {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </header>
  );
}
