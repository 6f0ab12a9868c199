import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';
import type { CreateVersion, VersionDocument } from '../../shared/api/functions.ts';
import { changedFields, splitFiles } from '../../shared/version-changes.ts';
import type { FunctionChange } from '../api/api.ts';
import { useApi } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { queries } from '../api/queries.ts';
import { DeployProgress } from '../components/deploy-progress.tsx';
import { FieldChanges } from '../components/field-changes.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { useFunction } from '../components/use-function.ts';
import { useSetEnabled } from '../components/use-set-enabled.ts';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { changedConfigOf, checkSettings, configOf, type SettingsDraft, settingsOfVersion } from '../forms/draft.ts';
import { checkImage, emptyImage, type ImageDraft, imageDraftOf, imageOf } from '../forms/image-draft.ts';
import { ImageFields } from '../forms/image-fields.tsx';
import { SettingsFields } from '../forms/settings-fields.tsx';
import { paths } from '../path-builder.ts';
import { Card } from '../ui/card.tsx';
import { Field, Input } from '../ui/field.tsx';
import { Switch } from '../ui/switch.tsx';
import { toast } from '../ui/toast.tsx';

/** What a version is with the settings and the image of the form, as it is sent. */
function changedConfig(version: VersionDocument, draft: SettingsDraft, image: ImageDraft): CreateVersion {
  const { config } = version;
  const code = config.image === null ? {} : { image: imageOf(image) };
  return { ...config, ...changedConfigOf(settingsOfVersion(version), draft), ...code, message: 'Settings changed' };
}

/** What the new version has otherwise, by the names of the API. */
function changesOf(before: SettingsDraft, after: SettingsDraft, imageBefore: ImageDraft, imageAfter: ImageDraft) {
  const whole = (draft: SettingsDraft, image: ImageDraft) => ({ ...configOf(draft), image: imageOf(image) });
  return changedFields(whole(before, imageBefore), whole(after, imageAfter));
}

/** Settings belong to a version: changing them deploys the same code with other settings. */
function VersionSettings({ version, isLatest }: { readonly version: VersionDocument; readonly isLatest: boolean }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const before = settingsOfVersion(version);
  const [draft, setDraft] = useState(before);
  const { image: imageBefore, runtime } = version.config;
  const isImage = imageBefore !== null;
  const firstImage = isImage ? imageDraftOf(imageBefore) : emptyImage;
  const [image, setImage] = useState(firstImage);
  const system = useQuery(queries.system(api)).data;
  const errors = checkSettings(draft);
  const imageErrors = isImage ? checkImage(image) : {};
  const isChanged = JSON.stringify([before, firstImage]) !== JSON.stringify([draft, image]);
  const firstError = Object.values(imageErrors)[0] ?? Object.values(errors)[0];
  const deploy = useMutation({
    mutationFn: async () => {
      const body = changedConfig(version, draft, image);
      // The platform takes the code of the latest version when none is sent; any other code has to be sent again.
      const isReusable = isImage || (isLatest && draft.handler === version.config.handler);
      if (isReusable) return api.createVersion(version.functionName, body);
      const { texts, opaque } = splitFiles(await api.versionFiles(version.functionName, version.version));
      if (opaque.length > 0) {
        throw new Error(`${opaque[0] ?? 'A file'} cannot be sent from a browser; deploy this change with the CLI`);
      }
      return api.createVersion(version.functionName, { ...body, files: texts });
    },
    onSuccess: async (done) => {
      toast.done(`Version ${done.version.version} is live`, 'Same code, new settings');
      await queryClient.invalidateQueries({ queryKey: ['functions'] });
    },
  });
  const changes = firstError === undefined ? changesOf(before, draft, firstImage, image) : [];
  const reason = !isChanged ? 'Nothing was changed' : firstError;
  return (
    <Card title="Settings" note={`of version ${version.version}; saving deploys the same code as a new version`}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (reason === undefined) deploy.mutate();
        }}
      >
        {isImage && (
          <ImageFields draft={image} errors={imageErrors} drivers={system?.drivers ?? []} onChange={setImage} />
        )}
        <SettingsFields
          draft={draft}
          errors={errors}
          drivers={system?.drivers ?? []}
          runtime={runtime}
          onChange={setDraft}
        />
        {changes.length > 0 && <FieldChanges title="What changes" fields={changes} />}
        <DeployProgress isDeploying={deploy.isPending} error={deploy.error} buildLog={undefined} isImage={isImage} />
        <div>
          <PermittedButton
            operation="createVersion"
            type="submit"
            tone="primary"
            isBusy={deploy.isPending}
            disabledReason={reason}
          >
            Save as new version
          </PermittedButton>
        </div>
      </form>
    </Card>
  );
}

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

export function FunctionSettingsTab() {
  const fn = useFunction();
  const version = useQuery(queries.version(useApi(), fn.name, fn.liveVersion ?? fn.latestVersion));
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <QueryView query={version} lines={10}>
        {(document) => (
          <VersionSettings key={document.id} version={document} isLatest={document.version === fn.latestVersion} />
        )}
      </QueryView>
      <div className="flex flex-col gap-4">
        <Description />
        <Service />
        <DangerZone />
      </div>
    </div>
  );
}
