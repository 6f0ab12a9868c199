import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Rocket, Undo2 } from 'lucide-react';
import { useRef, useState } from 'react';
import type { FunctionDocument, VersionFiles } from '../../shared/api/functions.ts';
import type { ObjectSchema } from '../../shared/event-schema.ts';
import { asEventSchema } from '../../shared/event-schema-check.ts';
import { splitFiles } from '../../shared/version-changes.ts';
import type { RuntimeName } from '../../shared/version-config.ts';
import { buildApi } from '../api/builds.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { useOwnBuild } from '../api/use-build.ts';
import { DependenciesCard } from '../components/dependencies-card.tsx';
import { DeploySteps } from '../components/deploy-steps.tsx';
import { ImageCard, type ImageCardProps } from '../components/image-card.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { TestPanel } from '../components/test-panel.tsx';
import { useFunction } from '../components/use-function.ts';
import { FileEditor } from '../forms/file-editor.tsx';
import { bootstrapName, type Program } from '../forms/program.ts';
import { ProgramField } from '../forms/program-field.tsx';
import { templateOf } from '../forms/templates.ts';
import { useBuildErrors } from '../forms/use-build-errors.ts';
import { type EditedCode, useCodeDraft } from '../forms/use-code-draft.ts';
import { useDraft } from '../forms/use-draft.ts';
import { Button } from '../ui/button.tsx';
import { Callout } from '../ui/callout.tsx';
import { Input } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
import type { CodeDraft } from '../util/code-drafts.ts';
import { useUrlValue } from '../util/hooks.ts';

interface EditorProps {
  readonly fn: FunctionDocument;
  readonly inputSchema: ObjectSchema | undefined;
  readonly version: number;
  readonly deployed: VersionFiles;
  readonly runtime: RuntimeName;
}

/** Somebody deployed while this browser had changes of an earlier version: nothing is thrown away, nothing is mixed unasked. */
function OutdatedDraft({
  code,
  draft,
  version,
}: {
  readonly code: EditedCode;
  readonly draft: CodeDraft;
  readonly version: number;
}) {
  return (
    <Callout
      tone="warn"
      title={`Your changes of version ${draft.version} are not deployed; version ${version} came in between`}
      actions={
        <div className="flex shrink-0 flex-wrap gap-2">
          <Button size="small" onClick={() => code.edit(draft.files)}>
            Open my changes
          </Button>
          <Button size="small" tone="ghost" onClick={code.discard}>
            Discard them
          </Button>
        </div>
      }
    >
      Deploying them would undo what version {version} changed; compare on the page Versions first.
    </Callout>
  );
}

function Editor({ fn, inputSchema, version, deployed, runtime }: EditorProps) {
  const api = useApi();
  const queryClient = useQueryClient();
  const { texts, opaque } = splitFiles(deployed);
  const code = useCodeDraft(fn.id, version, texts);
  const { files, changed } = code;
  const [message, setMessage] = useState('');
  const [templateId] = useUrlValue('template');
  const runTest = useRef<() => void>(() => undefined);
  const [program, setProgram] = useState<Program>();
  const isReplaced = program !== undefined;
  // A program that is replaced need not be sent again; all else that is not text would be lost.
  const unsendable = opaque.filter((path) => !(isReplaced && path === bootstrapName));
  const hasChanges = changed.size > 0 || isReplaced;
  const sent = program === undefined ? files : { ...files, [bootstrapName]: { base64: program.base64 } };
  const obstacle = unsendable.length > 0 ? 'This bundle has files that cannot be edited here' : undefined;
  const errors = useBuildErrors(sent);
  const draft = useDraft(fn.name, version, sent, {
    hasChanges,
    obstacle,
    onBuilt: errors.succeeded,
    onFailed: errors.failed,
  });
  const own = useOwnBuild();
  const deploy = useMutation({
    onMutate: own.forget,
    mutationFn: async (built: typeof sent) => {
      // A deployment replaces code, not settings: they are taken over from the version that was edited.
      const { config } = await api.version(fn.name, version);
      const body = { ...config, files: built, ...(message === '' ? {} : { message }) };
      return await own.finish(await buildApi.createVersion(api, fn.name, body));
    },
    onError: errors.failed,
    onSuccess: async (done) => {
      errors.succeeded();
      setMessage('');
      setProgram(undefined);
      code.deployed();
      toast.done(`Version ${done.version} is live`, 'The version before is one click away on the page Versions.');
      await queryClient.invalidateQueries({ queryKey: ['functions'] });
    },
  });
  const reason = hasChanges ? obstacle : 'Nothing was changed';
  const submit = () => {
    if (reason === undefined && !deploy.isPending) deploy.mutate(sent);
  };
  /** Changes are kept as they are made; who presses the keys wants to know it. */
  const keep = () =>
    code.isKept
      ? toast.done('Kept in this browser', hasChanges ? 'Callers get it when it is deployed.' : 'Nothing was changed.')
      : toast.done('Not kept', 'It is too large to be kept over a reload; deploy it.');
  return (
    <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_minmax(22rem,28rem)]">
      <div className="flex min-w-0 flex-col gap-3">
        {code.outdated !== undefined && <OutdatedDraft code={code} draft={code.outdated} version={version} />}
        {runtime === 'custom' && (
          <ProgramField
            program={program}
            onChange={setProgram}
            instead={opaque.includes(bootstrapName) ? 'program' : 'script'}
          />
        )}
        <FileEditor
          files={files}
          onChange={code.edit}
          changed={changed}
          errors={errors.left}
          onRun={() => runTest.current()}
          onSave={keep}
          minHeight="24rem"
        />
        {unsendable.length > 0 && (
          <Callout
            tone="info"
            title={`${unsendable.length === 1 ? '1 file is' : `${unsendable.length} files are`} binary or too large to be shown`}
          >
            {unsendable.every((path) => path === bootstrapName && runtime === 'custom') ? (
              'Choose another program above to deploy it, with the files here beside it.'
            ) : (
              <>
                Deploy changes of this bundle with the CLI: <code className="font-mono">hearth deploy</code>. Not shown:{' '}
                {unsendable.slice(0, 5).join(', ')}
              </>
            )}
          </Callout>
        )}
        <form
          className="flex flex-wrap items-center gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <Input
            aria-label="What changed (optional)"
            placeholder="What changed (optional)"
            maxLength={1000}
            className="min-w-40 max-w-96 grow"
            value={message}
            onChange={(event) => setMessage(event.target.value)}
          />
          <PermittedButton
            operation="createVersion"
            type="submit"
            tone="primary"
            icon={<Rocket className="size-4" aria-hidden="true" />}
            isBusy={deploy.isPending}
            disabledReason={reason}
          >
            Deploy new version
          </PermittedButton>
          {hasChanges && (
            <Button tone="ghost" icon={<Undo2 className="size-4" aria-hidden="true" />} onClick={code.discard}>
              Discard changes
            </Button>
          )}
          <span className="text-xs text-faint">
            Editing a copy of version {version}
            {hasChanges &&
              (code.isKept ? ' · changes are kept in this browser' : ' · too large to be kept over a reload')}
          </span>
        </form>
        <DeploySteps
          isDeploying={deploy.isPending}
          error={errors.isOver ? undefined : (deploy.error ?? (hasChanges ? draft.buildError : undefined))}
          watched={own}
        />
        {(runtime === 'nodejs' || runtime === 'python') && (
          <DependenciesCard
            runtime={runtime}
            files={files}
            changed={changed}
            version={version}
            packages={deployed.packages}
          />
        )}
      </div>
      <TestPanel
        fn={fn}
        sources={Object.values(texts)}
        firstEvent={templateId === '' ? '{\n  "name": "Ada"\n}' : templateOf(templateId).event}
        inputSchema={inputSchema}
        draft={draft}
        onReady={(run) => {
          runTest.current = run;
        }}
      />
    </div>
  );
}

/** An image has nothing to edit: what it is, and the same trial beside it. */
function ImageAndTest({ fn, version, image }: ImageCardProps & { readonly fn: FunctionDocument }) {
  return (
    <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_minmax(22rem,28rem)]">
      <ImageCard version={version} image={image} />
      <TestPanel
        fn={fn}
        sources={[]}
        firstEvent={'{\n  "name": "Ada"\n}'}
        inputSchema={asEventSchema(version.config.inputSchema)}
        draft={undefined}
        onReady={() => undefined}
      />
    </div>
  );
}

export function FunctionCodeTab() {
  const api = useApi();
  const fn = useFunction();
  const number = fn.liveVersion ?? fn.latestVersion;
  const version = useQuery(queries.version(api, fn.name, number));
  return (
    <QueryView query={version} lines={12}>
      {(document) =>
        document.config.image === null ? (
          <EditorOf
            fn={fn}
            inputSchema={asEventSchema(document.config.inputSchema)}
            version={number}
            runtime={document.config.runtime}
          />
        ) : (
          <ImageAndTest fn={fn} version={document} image={document.config.image} />
        )
      }
    </QueryView>
  );
}

function EditorOf(props: Omit<EditorProps, 'deployed'>) {
  const { fn, version } = props;
  const files = useQuery(queries.versionFiles(useApi(), fn.name, version));
  return (
    <QueryView query={files} lines={12}>
      {(deployed) => <Editor key={version} {...props} deployed={deployed} />}
    </QueryView>
  );
}
