import { type ReactNode, useState } from 'react';
import { Badge } from '../ui/badge.tsx';
import { Field, TextArea } from '../ui/field.tsx';
import { counted } from '../util/format.ts';
import { parseEnv } from './env-text.ts';
import { FormDialog } from './form-dialog.tsx';

type Values = Readonly<Record<string, string>>;

export interface EnvImportDialogProps {
  readonly title: string;
  /** One of what is imported, in the singular. */
  readonly noun: string;
  /** Names that are there already. */
  readonly known: ReadonlySet<string>;
  /** What is wrong with a value by its name, if anything. */
  readonly check?: (name: string, value: string) => string | undefined;
  readonly isBusy?: boolean;
  readonly error?: Error | null;
  readonly onImport: (values: Values) => void;
  readonly onClose: () => void;
  /** Above the field. */
  readonly children?: ReactNode;
}

function Preview({
  values,
  known,
  check,
}: Pick<EnvImportDialogProps, 'known' | 'check'> & { readonly values: Values }) {
  return (
    <ul aria-label="What it has" className="flex flex-col gap-1 text-sm">
      {Object.entries(values).map(([name, value]) => {
        const wrong = check?.(name, value);
        return (
          <li key={name} className="flex flex-wrap items-center gap-2">
            <code className="font-mono wrap-anywhere">{name}</code>
            <Badge tone={known.has(name) ? 'warn' : 'ok'}>{known.has(name) ? 'gets another value' : 'new'}</Badge>
            {wrong !== undefined && <span className="text-xs text-danger">{wrong}</span>}
          </li>
        );
      })}
    </ul>
  );
}

/** Takes in a pasted .env file at once: names are shown, with what becomes of them, and values are not. */
export function EnvImportDialog(props: EnvImportDialogProps) {
  const { title, noun, known, check, isBusy = false, error = null, onImport, onClose, children } = props;
  const [text, setText] = useState('');
  const [isShown, setIsShown] = useState(false);
  const { env: values, error: syntax } = parseEnv(text);
  const names = Object.keys(values);
  const wrong = names.find((name) => check?.(name, values[name] ?? '') !== undefined);
  const reason =
    syntax ?? (names.length === 0 ? 'Paste a .env file' : wrong === undefined ? undefined : `${wrong} cannot be taken`);
  return (
    <FormDialog
      title={title}
      submit={`Import ${counted(names.length, noun)}`}
      reason={reason}
      isBusy={isBusy}
      error={error}
      onSubmit={() => onImport(values)}
      onClose={onClose}
    >
      {children}
      <Field
        label="Text of a .env file"
        hint="NAME=value; comments, export, and quotes over several lines are understood"
        error={syntax}
      >
        {(control) => (
          <TextArea
            {...control}
            autoFocus
            autoComplete="off"
            rows={6}
            className={isShown ? 'font-mono' : 'font-mono [-webkit-text-security:disc]'}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
      <label className="flex min-h-6 items-center gap-2 text-sm text-muted">
        <input type="checkbox" checked={isShown} onChange={(event) => setIsShown(event.target.checked)} />
        Show the text
      </label>
      <Preview values={values} known={known} {...(check === undefined ? {} : { check })} />
    </FormDialog>
  );
}
