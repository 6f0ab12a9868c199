import { Plus, X } from 'lucide-react';
import { useEffect, useId, useRef } from 'react';
import { commonMethods, type HttpRequest, isJsonBody, type WrittenHeader } from '../forms/http-request.ts';
import { Button, IconButton } from '../ui/button.tsx';
import { CodeEditor } from '../ui/code-editor.tsx';
import { Input } from '../ui/field.tsx';

export interface RequestEditorProps {
  readonly request: HttpRequest;
  /** Whether the path is that of a route, or below the function. */
  readonly hasRoutes: boolean;
  readonly onChange: (request: HttpRequest) => void;
  readonly onRun: () => void;
}

/** Names that are often written by hand. */
const knownHeaders = [
  'accept',
  'accept-language',
  'authorization',
  'content-type',
  'cookie',
  'if-none-match',
  'origin',
];

/** Method, path, headers and body of a request. Ctrl or Cmd with Enter sends it, from any of its fields. */
export function RequestEditor({ request, hasRoutes, onChange, onRun }: RequestEditorProps) {
  const methods = useId();
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut of the fields in it
    <div
      className="flex min-w-0 flex-col gap-3"
      onKeyDown={(key) => {
        if (key.key !== 'Enter' || !(key.ctrlKey || key.metaKey) || key.defaultPrevented) return;
        key.preventDefault();
        onRun();
      }}
    >
      <div className="flex min-w-0 gap-2">
        <Input
          aria-label="Method"
          list={methods}
          className="!w-28 shrink-0 font-mono"
          value={request.method}
          onChange={(change) => onChange({ ...request, method: change.target.value.toUpperCase() })}
        />
        <datalist id={methods}>
          {commonMethods.map((method) => (
            <option key={method} value={method} />
          ))}
        </datalist>
        <Input
          aria-label="Path with its query"
          placeholder={hasRoutes ? '/orders/7?full=true' : '/?name=Ada'}
          className="min-w-0 grow font-mono"
          value={request.path}
          onChange={(change) => onChange({ ...request, path: change.target.value })}
        />
      </div>
      <HeaderRows headers={request.headers} onChange={(headers) => onChange({ ...request, headers })} />
      <div className="flex min-w-0 flex-col gap-1.5">
        <p className="text-sm">
          <span className="font-medium">Body</span>{' '}
          <span className="text-xs text-faint">sent as typed · Ctrl+Enter sends</span>
        </p>
        <CodeEditor
          label="Body of the request"
          fileName={isJsonBody(request) ? 'body.json' : 'body.txt'}
          text={request.body}
          onChange={(body) => onChange({ ...request, body })}
          onRun={onRun}
          minHeight="5rem"
          maxHeight="14rem"
        />
      </div>
    </div>
  );
}

interface HeaderRowsProps {
  readonly headers: readonly WrittenHeader[];
  readonly onChange: (headers: readonly WrittenHeader[]) => void;
}

/** Wider values where there is room; on a phone a name of usual length is whole. */
const headerRow =
  'grid grid-cols-[minmax(0,1fr)_minmax(0,1fr)_auto] items-center gap-1.5 sm:grid-cols-[minmax(0,2fr)_minmax(0,3fr)_auto]';

function HeaderRows({ headers, onChange }: HeaderRowsProps) {
  const names = useId();
  const group = useRef<HTMLFieldSetElement>(null);
  /** Which row, or (after the last) the button, gets the focus when rows come and go. */
  const focusAt = useRef<number | undefined>(undefined);
  useEffect(() => {
    const at = focusAt.current;
    if (at === undefined) return;
    focusAt.current = undefined;
    const rows = group.current?.querySelectorAll<HTMLElement>('[data-name]');
    (rows?.[at] ?? group.current?.querySelector<HTMLElement>('[data-add]'))?.focus();
  });
  const set = (at: number, change: Partial<WrittenHeader>) =>
    onChange(headers.map((header, index) => (index === at ? { ...header, ...change } : header)));
  return (
    <fieldset ref={group} className="flex min-w-0 flex-col gap-1.5">
      <legend className="mb-1.5 text-sm font-medium">Headers</legend>
      <datalist id={names}>
        {knownHeaders.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {headers.map(({ name, value }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a header may come twice, and has nothing else to be told by
        <div key={index} className={headerRow}>
          <Input
            data-name
            aria-label={`Name of header ${index + 1}`}
            placeholder="name"
            list={names}
            className="font-mono !text-xs"
            value={name}
            onChange={(change) => set(index, { name: change.target.value })}
          />
          <Input
            aria-label={`Value of header ${index + 1}`}
            placeholder="value"
            className="font-mono !text-xs"
            value={value}
            onChange={(change) => set(index, { value: change.target.value })}
          />
          <IconButton
            label={`Remove header ${name === '' ? index + 1 : name}`}
            onClick={() => {
              focusAt.current = index;
              onChange(headers.filter((_, other) => other !== index));
            }}
          >
            <X className="size-4" aria-hidden="true" />
          </IconButton>
        </div>
      ))}
      <Button
        data-add
        size="small"
        tone="ghost"
        className="self-start"
        icon={<Plus className="size-3.5" aria-hidden="true" />}
        onClick={() => {
          focusAt.current = headers.length;
          onChange([...headers, { name: '', value: '' }]);
        }}
      >
        Add header
      </Button>
    </fieldset>
  );
}
