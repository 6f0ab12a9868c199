import { useQueries } from '@tanstack/react-query';
import type { VersionDocument, VersionFiles } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { processServerError } from '../api/server-error.ts';
import { changedFields, changedFiles, diffLines, type LineChange, splitFiles } from '../forms/changes.ts';
import { ErrorCallout } from '../ui/callout.tsx';
import { classes } from '../ui/classes.ts';
import { Dialog } from '../ui/dialog.tsx';
import { ScrollArea } from '../ui/scroll-area.tsx';
import { Skeleton } from '../ui/spinner.tsx';

const signs = { same: ' ', added: '+', removed: '−' } as const;
const lineClasses = { same: 'text-muted', added: 'bg-ok-soft text-ok', removed: 'bg-danger-soft text-danger' } as const;

interface NumberedLine {
  readonly number: number;
  /** Undefined stands for lines that were left out. */
  readonly line: LineChange | undefined;
}

/** Drops what is far from any change, so that a long file does not hide a short one. */
function nearChanges(lines: readonly LineChange[], around = 3): readonly NumberedLine[] {
  const shown: NumberedLine[] = [];
  lines.forEach((line, number) => {
    const isNear = lines.slice(Math.max(0, number - around), number + around + 1).some((near) => near.kind !== 'same');
    if (isNear) shown.push({ number, line });
    else if (shown.length === 0 || shown.at(-1)?.line !== undefined) shown.push({ number, line: undefined });
  });
  return shown;
}

function FileDiff({ name, before, after }: { readonly name: string; readonly before: string; readonly after: string }) {
  return (
    <section>
      <h3 className="mb-1 font-mono text-sm font-medium">{name}</h3>
      <ScrollArea
        label={`Changes of ${name}`}
        className="overflow-x-auto rounded-md border border-line py-1 font-mono text-xs leading-5"
      >
        {nearChanges(diffLines(before, after)).map(({ number, line }) => (
          <div
            key={number}
            className={classes(
              'min-w-fit px-3 whitespace-pre',
              line === undefined ? 'text-faint' : lineClasses[line.kind],
            )}
          >
            {line === undefined ? '  …' : `${signs[line.kind]} ${line.text}`}
          </div>
        ))}
      </ScrollArea>
    </section>
  );
}

interface Side {
  readonly version: VersionDocument;
  readonly files: VersionFiles;
}

function Comparison({ before, after }: { readonly before: Side; readonly after: Side }) {
  const fields = changedFields(before.version.config, after.version.config);
  const [a, b] = [splitFiles(before.files).texts, splitFiles(after.files).texts];
  const names = [...changedFiles(a, b)].sort();
  if (fields.length === 0 && names.length === 0)
    return <p className="text-sm text-muted">Code and settings are the same.</p>;
  return (
    <div className="flex flex-col gap-5">
      {fields.length > 0 && (
        <section>
          <h3 className="mb-1 text-sm font-medium">Settings</h3>
          <dl className="text-sm">
            {fields.map((field) => (
              <div key={field.key} className="flex flex-wrap gap-x-3 border-b border-line py-1">
                <dt className="w-44 font-mono text-xs leading-5 break-all">{field.key}</dt>
                <dd>
                  <del className="text-danger">{field.before}</del> →{' '}
                  <ins className="text-ok no-underline">{field.after}</ins>
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      {names.map((name) => (
        <FileDiff key={name} name={name} before={a[name] ?? ''} after={b[name] ?? ''} />
      ))}
    </div>
  );
}

export interface VersionDiffProps {
  readonly functionName: string;
  readonly present: number;
  readonly other: number;
  readonly onClose: () => void;
}

/** Code, settings and names of the environment of two versions, side against side. Always from the older to the newer. */
export function VersionDiff({ functionName, present, other, onClose }: VersionDiffProps) {
  const api = useApi();
  const [older, newer] = [Math.min(present, other), Math.max(present, other)];
  const [v1, v2, f1, f2] = useQueries({
    queries: [
      queries.version(api, functionName, older),
      queries.version(api, functionName, newer),
      queries.versionFiles(api, functionName, older),
      queries.versionFiles(api, functionName, newer),
    ],
  });
  const error = v1.error ?? v2.error ?? f1.error ?? f2.error;
  const isReady = v1.data !== undefined && v2.data !== undefined && f1.data !== undefined && f2.data !== undefined;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      shape="side"
      title={`Version ${older} → ${newer}`}
      description={`What changed in ${functionName}`}
    >
      {error !== null && <ErrorCallout error={processServerError(error)} />}
      {error === null && !isReady && <Skeleton lines={8} />}
      {isReady && (
        <Comparison before={{ version: v1.data, files: f1.data }} after={{ version: v2.data, files: f2.data }} />
      )}
    </Dialog>
  );
}
