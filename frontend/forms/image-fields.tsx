import { useInfiniteQuery } from '@tanstack/react-query';
import type { DriverDocument } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { secretsQuery } from '../api/secrets.ts';
import { Callout } from '../ui/callout.tsx';
import { Field, Input, Select } from '../ui/field.tsx';
import type { ImageDraft, ImageErrors } from './image-draft.ts';

const protocols: readonly { readonly value: ImageDraft['protocol']; readonly label: string }[] = [
  { value: 'http', label: 'Its program listens on PORT' },
  { value: 'lambda', label: 'It speaks the Lambda Runtime API' },
  { value: 'agent', label: "It speaks Hearth's own protocol" },
];

/** The daemon that images need, where it does not answer: what the platform says of it, and what helps. */
function NoDaemon({ drivers }: { readonly drivers: readonly DriverDocument[] }) {
  const docker = drivers.find(({ name }) => name === 'docker');
  if (drivers.length === 0 || docker?.status === 'healthy') return null;
  return (
    <Callout tone="warn" title="Container images do not run on this machine yet">
      {docker?.reason ?? 'It has no isolation level for containers.'}
      {docker?.fix != null && <> Fix: {docker.fix}</>}
    </Callout>
  );
}

export interface ImageFieldsProps {
  readonly draft: ImageDraft;
  readonly errors: ImageErrors;
  readonly drivers: readonly DriverDocument[];
  readonly onChange: (draft: ImageDraft) => void;
}

/** Which container image a version runs, how it is spoken with, and who may pull it. */
export function ImageFields({ draft, errors, drivers, onChange }: ImageFieldsProps) {
  const secrets = useInfiniteQuery(secretsQuery(useApi()));
  const known = secrets.data?.pages.flatMap((page) => page.items.map(({ name }) => name)) ?? [];
  const names = [...new Set([...(draft.pullSecret === '' ? [] : [draft.pullSecret]), ...known])].sort();
  return (
    <div className="flex flex-col gap-3">
      <NoDaemon drivers={drivers} />
      <Field
        label="Image"
        hint="Of a registry, or one that the daemon has. A tag is looked up at the deploy, and its digest kept."
        error={errors.reference}
      >
        {(control) => (
          <Input
            {...control}
            required
            className="font-mono"
            placeholder="registry.example.com/team/app:1.2"
            value={draft.reference}
            onChange={(event) => onChange({ ...draft, reference: event.target.value })}
          />
        )}
      </Field>
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label="How it is called">
          {(control) => (
            <Select
              {...control}
              value={draft.protocol}
              options={protocols}
              onChange={(event) => {
                const chosen = protocols.find(({ value }) => value === event.target.value);
                onChange({ ...draft, protocol: chosen?.value ?? 'http' });
              }}
            />
          )}
        </Field>
        <Field label="Pull" hint="When a version is deployed">
          {(control) => (
            <Select
              {...control}
              value={draft.pull}
              options={[
                { value: 'missing', label: 'What the daemon does not have' },
                { value: 'always', label: 'Ask the registry each time' },
              ]}
              onChange={(event) => onChange({ ...draft, pull: event.target.value === 'always' ? 'always' : 'missing' })}
            />
          )}
        </Field>
        {draft.protocol === 'http' && (
          <>
            <Field label="Port" hint="In its environment as PORT" error={errors.port}>
              {(control) => (
                <Input
                  {...control}
                  inputMode="numeric"
                  className="tabular"
                  value={draft.port}
                  onChange={(event) => onChange({ ...draft, port: event.target.value })}
                />
              )}
            </Field>
            <Field
              label="Readiness path (optional)"
              hint="Ready when a GET is answered with 200 to 399; else when the port takes connections"
              error={errors.readinessPath}
            >
              {(control) => (
                <Input
                  {...control}
                  className="font-mono"
                  placeholder="/healthz"
                  value={draft.readinessPath}
                  onChange={(event) => onChange({ ...draft, readinessPath: event.target.value })}
                />
              )}
            </Field>
          </>
        )}
        <Field label="Registry credentials" hint="A secret of the form user:password">
          {(control) => (
            <Select
              {...control}
              value={draft.pullSecret}
              options={[{ value: '', label: 'None' }, ...names.map((name) => ({ value: name, label: name }))]}
              onChange={(event) => onChange({ ...draft, pullSecret: event.target.value })}
            />
          )}
        </Field>
      </div>
    </div>
  );
}
