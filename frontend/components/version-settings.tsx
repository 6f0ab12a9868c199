import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { CreateVersion, VersionDocument } from '../../shared/api/functions.ts';
import { changedFields, splitFiles } from '../../shared/version-changes.ts';
import { buildApi } from '../api/builds.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { processServerError } from '../api/server-error.ts';
import { useOwnBuild } from '../api/use-build.ts';
import {
  changedConfigOf,
  checkSettings,
  configOf,
  errorsAt,
  type SettingsDraft,
  type SettingsErrors,
  settingsOfVersion,
} from '../forms/draft.ts';
import { EnvImportDialog } from '../forms/env-import-dialog.tsx';
import { checkImage, emptyImage, type ImageDraft, imageDraftOf, imageOf } from '../forms/image-draft.ts';
import { ImageFields } from '../forms/image-fields.tsx';
import { RateLimitFields } from '../forms/rate-limit-fields.tsx';
import { SettingsFields } from '../forms/settings-fields.tsx';
import { WindowFields } from '../forms/window-fields.tsx';
import { Card } from '../ui/card.tsx';
import { toast } from '../ui/toast.tsx';
import { ChangesBar } from './changes-bar.tsx';
import { DeploySteps } from './deploy-steps.tsx';

const parts = { WindowFields, EnvImportDialog, RateLimitFields };

/** All that the form holds. */
interface FormState {
  readonly settings: SettingsDraft;
  readonly image: ImageDraft;
}

/** What a version is with the settings and the image of the form, as it is sent. */
function changedConfig(version: VersionDocument, { settings, image }: FormState, message: string): CreateVersion {
  const { config } = version;
  const code = config.image === null ? {} : { image: imageOf(image) };
  const why = message.trim() === '' ? 'Settings changed' : message.trim();
  return { ...config, ...changedConfigOf(settingsOfVersion(version), settings), ...code, message: why };
}

/** What the new version has otherwise, by the names of the API. */
function changesOf(before: FormState, after: FormState) {
  const whole = ({ settings, image }: FormState) => ({ ...configOf(settings), image: imageOf(image) });
  return changedFields(whole(before), whole(after));
}

interface Submission {
  readonly state: FormState;
  readonly message: string;
}

/** Deploys the same code with other settings. */
function useDeploySettings(version: VersionDocument, isLatest: boolean) {
  const api = useApi();
  const queryClient = useQueryClient();
  const own = useOwnBuild();
  const deploy = useMutation({
    onMutate: own.forget,
    mutationFn: async ({ state, message }: Submission) => {
      const body = changedConfig(version, state, message);
      // The platform takes the code of the latest version when none is sent; any other code has to be sent again.
      const isSameHandler = state.settings.handler === version.config.handler;
      if (version.config.image !== null || (isLatest && isSameHandler))
        return await own.finish(await buildApi.createVersion(api, version.functionName, body));
      const { texts, opaque } = splitFiles(await api.versionFiles(version.functionName, version.version));
      if (opaque.length > 0) {
        throw new Error(`${opaque[0] ?? 'A file'} cannot be sent from a browser; deploy this change with the CLI`);
      }
      return await own.finish(await buildApi.createVersion(api, version.functionName, { ...body, files: texts }));
    },
    onSuccess: async (done) => {
      toast.done(`Version ${done.version} is live`, 'Same code, new settings');
      await queryClient.invalidateQueries({ queryKey: ['functions'] });
    },
  });
  return { deploy, own };
}

/** Links to a section lead there also when the page has to be loaded first. */
function useAnchorOnce() {
  useEffect(() => {
    const { hash } = window.location;
    if (hash.length > 1) document.getElementById(hash.slice(1))?.scrollIntoView();
  }, []);
}

export interface VersionSettingsProps {
  readonly version: VersionDocument;
  readonly isLatest: boolean;
  /** Only sections that have it; empty: all. */
  readonly search: string;
}

/** Settings belong to a version: changing them deploys the same code with other settings. */
export function VersionSettings({ version, isLatest, search }: VersionSettingsProps) {
  const { image: imageBefore, runtime } = version.config;
  const isImage = imageBefore !== null;
  const [before] = useState<FormState>(() => ({
    settings: settingsOfVersion(version),
    image: isImage ? imageDraftOf(imageBefore) : emptyImage,
  }));
  const [state, setState] = useState(before);
  const [message, setMessage] = useState('');
  const drivers = useQuery(queries.system(useApi())).data?.drivers ?? [];
  const { deploy, own } = useDeploySettings(version, isLatest);
  useAnchorOnce();
  const errors = checkSettings(state.settings);
  const imageErrors = isImage ? checkImage(state.image) : {};
  const isChanged = JSON.stringify(before) !== JSON.stringify(state);
  const wrong = [...Object.values(imageErrors), ...Object.values(errors)];
  const isReady = isChanged && wrong.length === 0;
  // What the platform refused stays beside its field until something is changed.
  const refused: SettingsErrors =
    deploy.error !== null && deploy.variables.state === state ? errorsAt(processServerError(deploy.error).fields) : {};
  return (
    <Card title="Settings" note={`of version ${version.version}; saving deploys the same code as a new version`}>
      <form
        // What has the focus is not hidden below the bar (WCAG 2.4.11).
        className="flex flex-col gap-4 **:scroll-mb-24"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady && !deploy.isPending) deploy.mutate({ state, message });
        }}
      >
        <SettingsFields
          draft={state.settings}
          errors={{ ...refused, ...errors }}
          drivers={drivers}
          runtime={runtime}
          parts={parts}
          search={search}
          onChange={(settings) => setState({ ...state, settings })}
        >
          {isImage && (
            <ImageFields
              draft={state.image}
              errors={imageErrors}
              drivers={drivers}
              onChange={(image) => setState({ ...state, image })}
            />
          )}
        </SettingsFields>
        <DeploySteps isDeploying={deploy.isPending} error={deploy.error} watched={own} isImage={isImage} />
        <ChangesBar
          changes={isReady ? changesOf(before, state) : []}
          isChanged={isChanged}
          errors={wrong}
          isBusy={deploy.isPending}
          message={message}
          onMessage={setMessage}
          onDiscard={() => {
            setState(before);
            deploy.reset();
          }}
        />
      </form>
    </Card>
  );
}
