import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';
import type { FunctionChange } from '../api/api.ts';
import { useApi } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { queries } from '../api/queries.ts';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { SettingsNav } from '../components/settings-nav.tsx';
import { useFunction } from '../components/use-function.ts';
import { useSetEnabled } from '../components/use-set-enabled.ts';
import { VersionSettings } from '../components/version-settings.tsx';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { sectionAnchor } from '../forms/settings-sections.ts';
import { paths } from '../path-builder.ts';
import { Card } from '../ui/card.tsx';
import { Field, Input } from '../ui/field.tsx';
import { Switch } from '../ui/switch.tsx';
import { toast } from '../ui/toast.tsx';

function Description() {
  const fn = useFunction();
  const api = useApi();
  const queryClient = useQueryClient();
  const [description, setDescription] = useState(fn.description);
  const [tags, setTags] = useState(fn.tags.join(', '));
  const save = useMutation({
    mutationFn: (change: FunctionChange) => api.updateFunction(fn.name, change, fn.etag),
    onSuccess: async () => {
      toast.done('Saved');
      await queryClient.invalidateQueries({ queryKey: ['functions'] });
    },
    onError: (error) => toast.failed('Not saved', error),
  });
  const tagList = tags
    .split(',')
    .map((tag) => tag.trim())
    .filter(Boolean);
  return (
    <Card title="About">
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate({ description, tags: tagList });
        }}
      >
        <Field label="Description">
          {(control) => (
            <Input
              {...control}
              maxLength={2000}
              value={description}
              onChange={(event) => setDescription(event.target.value)}
            />
          )}
        </Field>
        <Field label="Tags" hint="Separated by commas">
          {(control) => <Input {...control} value={tags} onChange={(event) => setTags(event.target.value)} />}
        </Field>
        <div>
          <PermittedButton operation="updateFunction" type="submit" isBusy={save.isPending}>
            Save
          </PermittedButton>
        </div>
      </form>
    </Card>
  );
}

/** Takes the function out of service and back, without a question: what it does can be taken back at once. */
function Service() {
  const fn = useFunction();
  const noteId = useId();
  const setEnabled = useSetEnabled();
  const refusal = usePermission('updateFunction');
  return (
    <Card title="In service">
      <Switch
        label="Answers calls"
        isOn={fn.enabled}
        isBusy={setEnabled.isPending}
        disabledReason={refusal}
        describedBy={noteId}
        onChange={(enabled) => setEnabled.mutate({ names: [fn.name], enabled })}
      />
      <p id={noteId} className="mt-2 text-xs text-faint">
        A disabled function answers 503 to every call and its schedules skip their ticks; queued calls wait until it is
        enabled again. Nothing is deleted.
      </p>
    </Card>
  );
}

function DangerZone() {
  const fn = useFunction();
  const api = useApi();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [isAsking, setIsAsking] = useState(false);
  const remove = useMutation({
    mutationFn: () => api.deleteFunction(fn.name),
    onSuccess: async () => {
      await navigate({ to: paths.functions() });
      queryClient.removeQueries({ queryKey: ['functions', 'one', fn.name] });
      await queryClient.invalidateQueries({ queryKey: ['functions', 'list'] });
      toast.done(`${fn.name} was deleted`);
    },
    onError: (error) => toast.failed('Not deleted', error),
  });
  return (
    <Card title="Danger zone" className="border-danger">
      <p className="mb-3 text-sm text-muted">
        Deleting removes the function with its versions, aliases, routes and schedules. Its records stay until their
        retention ends.
      </p>
      <PermittedButton operation="deleteFunction" tone="danger" onClick={() => setIsAsking(true)}>
        Delete this function
      </PermittedButton>
      <ConfirmDialog
        isOpen={isAsking}
        onClose={() => setIsAsking(false)}
        title={`Delete ${fn.name}?`}
        action="Delete for good"
        isDangerous
        isBusy={remove.isPending}
        typed={fn.name}
        onConfirm={() => remove.mutate()}
      >
        <p>This cannot be undone. Callers get 404 from now on.</p>
      </ConfirmDialog>
    </Card>
  );
}

const anchored = 'scroll-mt-16';

/** The settings of the live version, section by section, and what belongs to the function whatever its version. */
export function FunctionSettingsTab() {
  const fn = useFunction();
  const [search, setSearch] = useState('');
  const version = useQuery(queries.version(useApi(), fn.name, fn.liveVersion ?? fn.latestVersion));
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[12rem_minmax(0,1fr)]">
      <SettingsNav search={search} onSearch={setSearch} />
      <div className="flex min-w-0 flex-col gap-4">
        <QueryView query={version} lines={10}>
          {(document) => (
            <VersionSettings
              key={document.id}
              version={document}
              isLatest={document.version === fn.latestVersion}
              search={search}
            />
          )}
        </QueryView>
        {/* Seen once what is above it has its height. */}
        {!version.isPending && (
          <>
            <div id={sectionAnchor('about')} className={anchored}>
              <Description />
            </div>
            <div id={sectionAnchor('service')} className={anchored}>
              <Service />
            </div>
            <div id={sectionAnchor('danger')} className={anchored}>
              <DangerZone />
            </div>
          </>
        )}
      </div>
    </div>
  );
}
