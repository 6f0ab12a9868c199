import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import type { SystemDocument } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { processServerError } from '../api/server-error.ts';
import type { WatchedBuild } from '../api/use-build.ts';
import { PageHeader } from '../components/page-header.tsx';
import { runtimeName } from '../components/runtime-badge.tsx';
import { FileEditor, type FileEditorProps } from '../forms/file-editor.tsx';
import { ImageFields } from '../forms/image-fields.tsx';
import { checkFunction, draftOfImage, draftOfTemplate, type FunctionDraft, functionOf } from '../forms/new-function.ts';
import { bootstrapName } from '../forms/program.ts';
import { ProgramField } from '../forms/program-field.tsx';
import { SettingsFields } from '../forms/settings-fields.tsx';
import { templateOf, templates } from '../forms/templates.ts';
import { type BuildErrors, useBuildErrors } from '../forms/use-build-errors.ts';
import { paths } from '../path-builder.ts';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { classes } from '../ui/classes.ts';
import { Field, Input, Select } from '../ui/field.tsx';
import { Spinner } from '../ui/spinner.tsx';
import { toast } from '../ui/toast.tsx';
import { useUrlValue } from '../util/hooks.ts';

/** After this the page has what it shows first. */
const idleMs = 1000;

/** What is chosen in the place of a template for a function that is a container image. */
const imageChoice = {
  id: 'image',
  title: 'Container image',
  summary: 'Your program in your image, behind HTTP.',
} as const;

function TemplatePicker({ chosen, onChoose }: { readonly chosen: string; readonly onChoose: (id: string) => void }) {
  return (
    <fieldset>
      <legend className="mb-2 text-sm font-medium">Start from</legend>
      <div className="grid grid-cols-2 gap-2 md:grid-cols-3 xl:grid-cols-5">
        {[...templates, imageChoice].map((template) => (
          <button
            key={template.id}
            type="button"
            aria-pressed={template.id === chosen}
            onClick={() => onChoose(template.id)}
            className={classes(
              'flex flex-col rounded-lg border bg-surface px-3 py-2 text-left',
              template.id === chosen ? 'border-accent bg-accent-soft' : 'border-line-strong hover:border-control',
            )}
          >
            <span className="text-sm font-medium">{template.title}</span>
            <span className="mt-0.5 text-xs text-muted">{template.summary}</span>
          </button>
        ))}
      </div>
    </fieldset>
  );
}

/** `name`: instead of that of the template; empty: none was asked for. */
function draftOf(choice: string, name = ''): FunctionDraft {
  const draft = choice === imageChoice.id ? draftOfImage() : draftOfTemplate(templateOf(choice));
  return name === '' ? draft : { ...draft, name };
}

interface PartProps {
  readonly draft: FunctionDraft;
  readonly onChange: (draft: FunctionDraft) => void;
}

const codeRuntimes = (['nodejs', 'python', 'custom'] as const).map((value) => ({ value, label: runtimeName(value) }));

function RuntimeField({ draft, onChange, system }: PartProps & { readonly system: SystemDocument | undefined }) {
  const { runtime } = draft;
  return (
    <Field label="Runtime" hint={system?.runtimes.find((item) => item.name === runtime)?.version ?? undefined}>
      {(control) => (
        <Select
          {...control}
          value={runtime}
          options={runtime === 'image' ? [{ value: runtime, label: runtimeName(runtime) }] : codeRuntimes}
          onChange={(event) => {
            const chosen = codeRuntimes.find(({ value }) => value === event.target.value);
            onChange({ ...draft, runtime: chosen?.value ?? runtime });
          }}
        />
      )}
    </Field>
  );
}

function Identity({
  draft,
  onChange,
  error,
  system,
}: PartProps & { readonly error: string | undefined; readonly system: SystemDocument | undefined }) {
  return (
    <div className="grid gap-3 sm:grid-cols-[1fr_1fr_9rem]">
      <Field label="Name" hint={`Answers at /${draft.name}`} error={error}>
        {(control) => (
          <Input
            {...control}
            required
            className="font-mono"
            value={draft.name}
            onChange={(event) => onChange({ ...draft, name: event.target.value })}
          />
        )}
      </Field>
      <Field label="Description" hint="What it is for (optional)">
        {(control) => (
          <Input
            {...control}
            maxLength={2000}
            value={draft.description}
            onChange={(event) => onChange({ ...draft, description: event.target.value })}
          />
        )}
      </Field>
      <RuntimeField draft={draft} onChange={onChange} system={system} />
    </div>
  );
}

/** Source files, or with the custom runtime a program from somebody's disk and files beside it. */
function Code({ draft, onChange, onSave, errors }: PartProps & Pick<FileEditorProps, 'onSave' | 'errors'>) {
  const { program } = draft;
  const isCustom = draft.runtime === 'custom';
  const { [bootstrapName]: script = '', ...besides } = draft.files;
  const isReplaced = isCustom && program !== undefined;
  return (
    <>
      {isCustom && <ProgramField program={program} onChange={(next) => onChange({ ...draft, program: next })} />}
      <FileEditor
        files={isReplaced ? besides : draft.files}
        onChange={(edited) =>
          onChange({ ...draft, files: isReplaced ? { [bootstrapName]: script, ...edited } : edited })
        }
        {...(errors === undefined ? {} : { errors })}
        {...(onSave === undefined ? {} : { onSave })}
        minHeight="20rem"
      />
    </>
  );
}

type DeployParts = Pick<typeof import('../components/new-function-deploy.tsx'), 'deployFunction' | 'NewFunctionDeploy'>;

/** What follows a build comes on its own, when there is time for it and at the latest with the first deployment. */
function useDeployParts() {
  const [parts, setParts] = useState<DeployParts>();
  const load = useCallback(async () => {
    const { deployFunction, NewFunctionDeploy } = await import('../components/new-function-deploy.tsx');
    const loaded = { deployFunction, NewFunctionDeploy };
    setParts(loaded);
    return loaded;
  }, []);
  useEffect(() => {
    // A failure is told when it is needed.
    const timer = setTimeout(() => load().catch(() => undefined), idleMs);
    return () => clearTimeout(timer);
  }, [load]);
  return { parts, load };
}

function useDeploy(draft: FunctionDraft, choice: string, errors: BuildErrors) {
  const api = useApi();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const { parts, load } = useDeployParts();
  const [watched, setWatched] = useState<WatchedBuild>();
  const deploy = useMutation({
    onMutate: () => {
      setWatched(undefined);
      return draft.files;
    },
    mutationFn: async () => {
      const { deployFunction } = await load();
      const fixed = choice === imageChoice.id ? {} : templateOf(choice).settings;
      return await deployFunction(api, functionOf(draft, fixed), setWatched);
    },
    onError: (error, _, files = draft.files) => errors.failed(error, files),
    onSuccess: async ({ functionName }) => {
      await queryClient.invalidateQueries({ queryKey: ['functions'] });
      const { url } = await queryClient.fetchQuery(queries.function(api, functionName));
      toast.done(`${functionName} is live`, `Version 1 answers at ${url}`);
    },
  });
  return {
    ...deploy,
    parts,
    watched,
    start: () =>
      deploy.mutate(undefined, {
        // Not for who went elsewhere meanwhile.
        onSuccess: ({ functionName }) =>
          navigate({ to: paths.function(functionName, 'code'), search: { template: choice } }),
      }),
  };
}

/** The deployment of the page, as far as there is one. */
function Deployment({
  deploy: { parts, watched, isPending, error },
  isOld,
  isImage,
}: {
  readonly deploy: ReturnType<typeof useDeploy>;
  /** What failed was edited since. */
  readonly isOld: boolean;
  readonly isImage: boolean;
}) {
  const shown = isOld ? null : error;
  if (parts !== undefined)
    return <parts.NewFunctionDeploy isDeploying={isPending} error={shown} watched={watched} isImage={isImage} />;
  if (isPending) return <Spinner label="Sending" />;
  return shown === null ? null : <ErrorCallout error={processServerError(shown)} />;
}

/** Everything of a function that has no default: its name and its code, or its image; the rest beside it. */
export function NewFunctionPage() {
  const [asked, setAsked] = useUrlValue('template');
  const choice = asked === imageChoice.id ? asked : templateOf(asked).id;
  const [name] = useUrlValue('name');
  const [draft, setDraft] = useState(() => draftOf(choice, name));
  const [isTried, setIsTried] = useState(false);
  const system = useQuery(queries.system(useApi())).data;
  const drivers = system?.drivers ?? [];
  const errors = checkFunction(draft);
  const buildErrors = useBuildErrors(draft.files);
  const deploy = useDeploy(draft, choice, buildErrors);
  const isImage = draft.runtime === 'image';
  const hasFailed = deploy.isError && !buildErrors.isOver;
  const submit = () => {
    setIsTried(true);
    if (errors.first === undefined && !deploy.isPending) deploy.start();
  };
  const choose = (id: string) => {
    setAsked(id);
    setDraft(draftOf(id, name));
    setIsTried(false);
    buildErrors.succeeded();
    deploy.reset();
  };
  const schedules = isImage ? undefined : templateOf(choice).settings.schedules;
  return (
    <>
      <PageHeader title="New function" note="Each template runs as it is: deploy first, change it afterwards." />
      <form
        className="flex flex-col gap-4"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <TemplatePicker chosen={choice} onChoose={choose} />
        <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
          <div className="flex min-w-0 flex-col gap-4">
            <Identity draft={draft} onChange={setDraft} error={isTried ? errors.name : undefined} system={system} />
            {isImage ? (
              <ImageFields
                draft={draft.image}
                errors={isTried ? errors.image : {}}
                drivers={drivers}
                onChange={(image) => setDraft({ ...draft, image })}
              />
            ) : (
              <Code key={choice} draft={draft} onChange={setDraft} onSave={submit} errors={buildErrors.left} />
            )}
            <Deployment deploy={deploy} isOld={buildErrors.isOver} isImage={isImage} />
            <div className="flex flex-wrap items-center gap-3">
              <Button type="submit" tone="primary" isBusy={deploy.isPending}>
                {deploy.isPending ? 'Deploying' : hasFailed ? 'Try again' : 'Deploy'}
              </Button>
              {isTried && errors.first !== undefined && (
                <p role="alert" className="text-sm text-danger">
                  {errors.first}
                </p>
              )}
              {hasFailed && <p className="text-sm text-muted">Nothing was created. What you typed is kept.</p>}
              {schedules !== undefined && (
                <p className="text-sm text-muted">
                  With the schedule {schedules.map((schedule) => schedule.cron).join(', ')} (UTC)
                </p>
              )}
            </div>
          </div>
          <Card title="Settings" note="all have defaults">
            <SettingsFields
              draft={draft.settings}
              errors={isTried ? errors.settings : {}}
              drivers={drivers}
              runtime={draft.runtime}
              isFolded
              onChange={(settings) => setDraft({ ...draft, settings })}
            />
          </Card>
        </div>
      </form>
    </>
  );
}
