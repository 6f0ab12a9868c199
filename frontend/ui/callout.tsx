import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import type { ServerError } from '../api/server-error.ts';
import { classes } from './classes.ts';

const looks = {
  info: { box: 'border-info bg-info-soft', ink: 'text-info', Icon: Info },
  ok: { box: 'border-ok bg-ok-soft', ink: 'text-ok', Icon: CircleCheck },
  warn: { box: 'border-warn bg-warn-soft', ink: 'text-warn', Icon: TriangleAlert },
  danger: { box: 'border-danger bg-danger-soft', ink: 'text-danger', Icon: CircleAlert },
} as const;

export interface CalloutProps {
  readonly tone: keyof typeof looks;
  readonly title: ReactNode;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
  /** Read out at once: for what answers something that the person just did. */
  readonly isAlert?: boolean;
}

export function Callout({ tone, title, children, actions, isAlert }: CalloutProps) {
  const { box, ink, Icon } = looks[tone];
  return (
    <div
      role={isAlert === true ? 'alert' : undefined}
      className={classes('flex flex-wrap gap-3 rounded-md border px-3 py-2.5', box)}
    >
      <Icon aria-hidden="true" className={classes('mt-0.5 size-4 shrink-0', ink)} />
      <div className="min-w-0 grow basis-56">
        <p className="font-medium break-words">{title}</p>
        {children !== undefined && <div className="mt-1 text-sm text-muted">{children}</div>}
      </div>
      {actions}
    </div>
  );
}

/** A failed request: one sentence, what to do, the fields at fault, and the code to look up. */
export function ErrorCallout({ error, actions }: { readonly error: ServerError; readonly actions?: ReactNode }) {
  return (
    <Callout tone="danger" title={error.message} actions={actions} isAlert>
      {error.action !== undefined && <p>{error.action}</p>}
      {error.fields.length > 0 && (
        <ul className="mt-1 list-disc pl-4">
          {error.fields.map((field) => (
            <li key={`${field.path} ${field.message}`}>
              <code className="font-mono">{field.path}</code>: {field.message}
            </li>
          ))}
        </ul>
      )}
      <p className="mt-1 text-xs">
        Code <code className="font-mono">{error.code}</code>
        {error.requestId !== undefined && (
          <>
            {' '}
            · request <code className="font-mono break-all">{error.requestId}</code>
          </>
        )}
      </p>
    </Callout>
  );
}
