import { useId, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { formatBytes } from '../util/format.ts';
import { bootstrapName, maxProgramBytes, type Program } from './program.ts';

/** The bytes of a file as base64. Rejects when the browser cannot read it. */
function base64Of(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''));
    reader.onerror = () => reject(reader.error ?? new Error('the file cannot be read'));
    reader.readAsDataURL(file);
  });
}

export interface ProgramFieldProps {
  readonly program: Program | undefined;
  readonly onChange: (program: Program | undefined) => void;
  /** What is used when there is none: `script` of the editor, or the `program` that is deployed. */
  readonly instead?: 'script' | 'program';
}

/** Chooses an executable that takes the place of the script `bootstrap`. */
export function ProgramField({ program, onChange, instead = 'script' }: ProgramFieldProps) {
  const id = useId();
  const [error, setError] = useState<string | undefined>();
  const choose = (file: File | undefined) => {
    if (file === undefined) return;
    if (file.size > maxProgramBytes) {
      setError(
        `${file.name} is larger than ${formatBytes(maxProgramBytes)}, the most that a browser sends; deploy it with the CLI: hearth deploy`,
      );
      return;
    }
    base64Of(file).then(
      (base64) => {
        setError(undefined);
        onChange({ fileName: file.name, bytes: file.size, base64 });
      },
      (reason: unknown) => setError(reason instanceof Error ? reason.message : 'the file cannot be read'),
    );
  };
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium">
        {instead === 'script' ? 'Program (optional)' : 'Another program'}
      </label>
      {program === undefined ? (
        <input
          id={id}
          type="file"
          aria-describedby={`${id}-note`}
          className="min-h-8 max-w-full text-sm file:mr-3 file:h-8 file:rounded-md file:border file:border-control file:bg-surface file:px-3 file:text-text"
          onChange={(event) => choose(event.target.files?.[0])}
        />
      ) : (
        <p id={id} className="flex flex-wrap items-center gap-2 text-sm">
          <code className="font-mono wrap-anywhere">{program.fileName}</code>
          <span className="tabular text-muted">{formatBytes(program.bytes)}</span>
          <Button size="small" onClick={() => onChange(undefined)}>
            {instead === 'script' ? 'Use the script instead' : 'Keep what is deployed'}
          </Button>
        </p>
      )}
      <p
        id={`${id}-note`}
        role={error === undefined ? undefined : 'alert'}
        className={error === undefined ? 'text-xs text-faint' : 'text-xs text-danger'}
      >
        {error ?? (
          <>
            An executable for Linux that brings its libraries along; it takes the place of{' '}
            <code className="font-mono">{bootstrapName}</code>.
          </>
        )}
      </p>
    </div>
  );
}
