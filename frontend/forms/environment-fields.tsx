import { type ComponentType, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Field, TextArea } from '../ui/field.tsx';
import type { EnvImportDialogProps } from './env-import-dialog.tsx';
import { parseEnv, withVariables } from './env-text.ts';

interface EnvironmentFieldsProps {
  /** As in a .env file. */
  readonly text: string;
  readonly error: string | undefined;
  /** Takes in a whole .env file; undefined: it can be pasted as text alone. */
  readonly ImportDialog: ComponentType<EnvImportDialogProps> | undefined;
  readonly onChange: (text: string) => void;
}

/** Names alone: values may be on a screen that others see. */
function Masked({ text, onShow }: { readonly text: string; readonly onShow: () => void }) {
  return (
    <div>
      <p className="mb-1 text-sm font-medium">Environment</p>
      <ul
        aria-label="Variables"
        className="rounded-md border border-control bg-surface px-2.5 py-1.5 font-mono text-sm"
      >
        {Object.keys(parseEnv(text).env).map((name) => (
          <li key={name} className="flex flex-wrap gap-x-1">
            <span className="wrap-anywhere">{name}</span>
            <span className="text-faint">
              =<span aria-hidden="true">••••••</span>
              <span className="sr-only">hidden</span>
            </span>
          </li>
        ))}
      </ul>
      <Button size="small" className="mt-2" onClick={onShow}>
        Show and edit values
      </Button>
    </div>
  );
}

/** Variables as text, with what is set hidden until somebody asks for it. */
export function EnvironmentFields({ text, error, ImportDialog, onChange }: EnvironmentFieldsProps) {
  const [isMasked, setIsMasked] = useState(text !== '');
  const [isImporting, setIsImporting] = useState(false);
  const { env, error: syntax } = parseEnv(text);
  // What cannot be read has no names to show.
  const canMask = syntax === undefined && Object.keys(env).length > 0;
  return (
    <div className="flex flex-col gap-2">
      {isMasked && canMask ? (
        <Masked text={text} onShow={() => setIsMasked(false)} />
      ) : (
        <Field label="Environment" hint="NAME=value, one a line, as in a .env file" error={error}>
          {(control) => (
            <TextArea
              {...control}
              rows={4}
              className="font-mono"
              value={text}
              onChange={(event) => onChange(event.target.value)}
            />
          )}
        </Field>
      )}
      <div className="flex flex-wrap gap-2">
        {!isMasked && canMask && (
          <Button size="small" onClick={() => setIsMasked(true)}>
            Hide values
          </Button>
        )}
        {ImportDialog !== undefined && (
          <Button
            size="small"
            disabledReason={syntax === undefined ? undefined : `Mend the text above first: ${syntax}`}
            onClick={() => setIsImporting(true)}
          >
            Paste a .env file
          </Button>
        )}
      </div>
      {isMasked && canMask && error !== undefined && <p className="text-xs text-danger">{error}</p>}
      {isImporting && ImportDialog !== undefined && (
        <ImportDialog
          title="Variables from a .env file"
          noun="variable"
          known={new Set(Object.keys(env))}
          onClose={() => setIsImporting(false)}
          onImport={(values) => {
            onChange(withVariables(text, values));
            setIsMasked(true);
            setIsImporting(false);
          }}
        />
      )}
    </div>
  );
}
