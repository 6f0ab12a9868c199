import { useQueries } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { VersionDocument, VersionFiles } from '../../shared/api/functions.ts';
import { changedFields, changedFiles, diffLines, type LineChange, splitFiles } from '../../shared/version-changes.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { processServerError } from '../api/server-error.ts';
import { ErrorCallout } from '../ui/callout.tsx';
import { classes } from '../ui/classes.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { ScrollArea } from '../ui/scroll-area.tsx';
import { Skeleton } from '../ui/spinner.tsx';
import { FieldChanges } from './field-changes.tsx';

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
      {fields.length > 0 && <FieldChanges title="Settings" fields={fields} />}
      {names.map((name) => (
        <FileDiff key={name} name={name} before={a[name] ?? ''} after={b[name] ?? ''} />
      ))}
    </div>
  );
}

interface DifferenceProps {
  readonly functionName: string;
  readonly from: number;
  readonly to: number;
}

function Difference({ functionName, from, to }: DifferenceProps) {
  const api = useApi();
  const [v1, v2, f1, f2] = useQueries({
    queries: [
      queries.version(api, functionName, from),
      queries.version(api, functionName, to),
      queries.versionFiles(api, functionName, from),
      queries.versionFiles(api, functionName, to),
    ],
  });
  const error = v1.error ?? v2.error ?? f1.error ?? f2.error;
  if (error !== null) return <ErrorCallout error={processServerError(error)} />;
  if (v1.data === undefined || v2.data === undefined || f1.data === undefined || f2.data === undefined)
    return <Skeleton lines={8} />;
  return <Comparison before={{ version: v1.data, files: f1.data }} after={{ version: v2.data, files: f2.data }} />;
}

export interface VersionDiffProps {
  readonly functionName: string;
  /** Has the live traffic, or most of it. */
  readonly live: number;
  /** Is compared with the live one at first. */
  readonly other: number;
  /** What can be chosen, newest first. */
  readonly versions: readonly VersionDocument[];
  /** Loads versions that are not among these, if there are any. */
  readonly more: ReactNode;
  readonly onClose: () => void;
}

/** Code, settings and names of the environment of any two versions, from one to the other: at first from the older to the newer. */
export function VersionDiff({ functionName, live, other, versions, more, onClose }: VersionDiffProps) {
  const [from, setFrom] = useState(Math.min(live, other));
  const [to, setTo] = useState(Math.max(live, other));
  const numbers = new Set([...versions.map((item) => item.version), live, other]);
  const options = [...numbers]
    .sort((a, b) => b - a)
    .map((version) => {
      const message = versions.find((item) => item.version === version)?.message ?? '';
      const words = [`v${version}`, ...(version === live ? ['live'] : []), ...(message === '' ? [] : [message])];
      return { value: String(version), label: words.join(' · ') };
    });
  const choices = [
    { label: 'From', value: from, choose: setFrom },
    { label: 'To', value: to, choose: setTo },
  ];
  return (
    <Dialog
      isOpen
      onClose={onClose}
      shape="side"
      title={`Version ${from} → ${to}`}
      description={`What changed in ${functionName}`}
    >
      <div className="mb-4 grid gap-3 sm:grid-cols-2">
        {choices.map(({ label, value, choose }) => (
          <Field key={label} label={label}>
            {(control) => (
              <Select
                {...control}
                className="w-full min-w-0"
                options={options}
                value={String(value)}
                onChange={(event) => choose(Number(event.target.value))}
              />
            )}
          </Field>
        ))}
      </div>
      {more}
      {from === to ? (
        <p className="text-sm text-muted">This is the same version twice: choose another one.</p>
      ) : (
        <Difference functionName={functionName} from={from} to={to} />
      )}
    </Dialog>
  );
}
