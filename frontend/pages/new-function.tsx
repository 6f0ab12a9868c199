import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { DeployProgress } from '../components/deploy-progress.tsx';
import { PageHeader } from '../components/page-header.tsx';
import {
  checkSettings,
  chosenConfigOf,
  type Files,
  nameError,
  type SettingsDraft,
  settingsOfTemplate,
} from '../forms/draft.ts';
import { FileEditor } from '../forms/file-editor.tsx';
import { SettingsFields } from '../forms/settings-fields.tsx';
import { type Template, templateOf, templates } from '../forms/templates.ts';
import { paths } from '../path-builder.ts';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { classes } from '../ui/classes.ts';
import { Field, Input, Select } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
import { useUrlValue } from '../util/hooks.ts';

interface Draft {
  readonly name: string;
  readonly description: string;
  readonly runtime: 'nodejs' | 'python';
  readonly files: Files;
  readonly settings: SettingsDraft;
}

const draftOf = (template: Template): Draft => ({
  name: template.name,
  description: '',
  runtime: template.runtime,
  files: template.files,
  settings: settingsOfTemplate(template),
});

function TemplatePicker({
  chosen,
  onChoose,
}: {
  readonly chosen: string;
  readonly onChoose: (template: Template) => void;
}) {
  return (
    <fieldset>
      <legend className="mb-2 text-sm font-medium">Start from</legend>
      <div className="grid grid-cols-2 gap-2 md:grid-cols-3 xl:grid-cols-5">
        {templates.map((template) => (
          <button
            key={template.id}
            type="button"
            aria-pressed={template.id === chosen}
            onClick={() => onChoose(template)}
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

/** Everything of a function that has no default: its name and its code; the rest beside it. */
export function NewFunctionPage() {
  const api = useApi();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [templateId, setTemplateId] = useUrlValue('template');
  const template = templateOf(templateId);
  const [draft, setDraft] = useState(() => draftOf(template));
  const [isTried, setIsTried] = useState(false);
  const system = useQuery(queries.system(api)).data;
  const settingsErrors = checkSettings(draft.settings);
  const wrongName = nameError(draft.name);
  const firstError = wrongName ?? Object.values(settingsErrors)[0];

  const deploy = useMutation({
    mutationFn: () =>
      api.createFunction({
        ...template.settings,
        ...chosenConfigOf(draft.settings),
        name: draft.name,
        description: draft.description,
        runtime: draft.runtime,
        files: draft.files,
      }),
    onSuccess: async (deployed) => {
      await queryClient.invalidateQueries({ queryKey: ['functions'] });
      toast.done(`${deployed.function.name} is live`, `Version ${deployed.version.version} answers at ${deployed.url}`);
      await navigate({ to: paths.function(deployed.function.name, 'code'), search: { template: template.id } });
    },
  });
  const submit = () => {
    setIsTried(true);
    if (firstError === undefined && !deploy.isPending) deploy.mutate();
  };
  const choose = (next: Template) => {
    setTemplateId(next.id);
    setDraft(draftOf(next));
    deploy.reset();
  };

  return (
    <>
      <PageHeader title="New function" note="Each template runs as it is: deploy first, change it afterwards." />
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <TemplatePicker chosen={template.id} onChoose={choose} />
        <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
          <div className="flex min-w-0 flex-col gap-4">
            <div className="grid gap-3 sm:grid-cols-[1fr_1fr_9rem]">
              <Field label="Name" hint={`Answers at /${draft.name}`} error={isTried ? wrongName : undefined}>
                {(control) => (
                  <Input
                    {...control}
                    required
                    className="font-mono"
                    value={draft.name}
                    onChange={(event) => setDraft({ ...draft, name: event.target.value })}
                  />
                )}
              </Field>
              <Field label="Description" hint="What it is for (optional)">
                {(control) => (
                  <Input
                    {...control}
                    maxLength={2000}
                    value={draft.description}
                    onChange={(event) => setDraft({ ...draft, description: event.target.value })}
                  />
                )}
              </Field>
              <Field
                label="Runtime"
                hint={system?.runtimes.find((item) => item.name === draft.runtime)?.version ?? undefined}
              >
                {(control) => (
                  <Select
                    {...control}
                    value={draft.runtime}
                    options={[
                      { value: 'nodejs', label: 'Node.js' },
                      { value: 'python', label: 'Python' },
                    ]}
                    onChange={(event) =>
                      setDraft({ ...draft, runtime: event.target.value === 'python' ? 'python' : 'nodejs' })
                    }
                  />
                )}
              </Field>
            </div>
            <FileEditor
              key={template.id}
              files={draft.files}
              onChange={(files) => setDraft({ ...draft, files })}
              onSave={submit}
              minHeight="20rem"
            />
            <DeployProgress isDeploying={deploy.isPending} error={deploy.error} buildLog={deploy.data?.buildLog} />
            <div className="flex flex-wrap items-center gap-3">
              <Button type="submit" tone="primary" isBusy={deploy.isPending}>
                {deploy.isPending ? 'Deploying' : 'Deploy'}
              </Button>
              {isTried && firstError !== undefined && (
                <p role="alert" className="text-sm text-danger">
                  {wrongName === undefined ? 'Settings: ' : 'Name: '}
                  {firstError}
                </p>
              )}
              {template.settings.schedules !== undefined && (
                <p className="text-sm text-muted">
                  With the schedule {template.settings.schedules.map((schedule) => schedule.cron).join(', ')} (UTC)
                </p>
              )}
            </div>
          </div>
          <Card title="Settings" note="all have defaults">
            <SettingsFields
              draft={draft.settings}
              errors={isTried ? settingsErrors : {}}
              drivers={system?.drivers ?? []}
              onChange={(settings) => setDraft({ ...draft, settings })}
            />
          </Card>
        </div>
      </form>
    </>
  );
}
