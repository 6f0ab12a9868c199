import { useMutation } from '@tanstack/react-query';
import { useRef } from 'react';
import type { CreateDraft } from '../../shared/api/functions.ts';
import { type Api, newDraft, removeDraft } from '../api/api.ts';
import { useApi } from '../api/context.tsx';
import { ApiError } from '../api/server-error.ts';

/** What is in an editor, to be called before it is deployed. */
export interface DraftTarget {
  /** False: it is what is deployed. */
  readonly hasChanges: boolean;
  /** Why it cannot be made, if it cannot. */
  readonly obstacle: string | undefined;
  /** Makes a draft of what is in the editor, unless there is one, and hands its id on. Rejects with ApiError: also what the build says. */
  call<T>(send: (draft: string) => Promise<T>, signal: AbortSignal): Promise<T>;
  readonly isBuilding: boolean;
  /** What the build of the newest one failed with. */
  readonly buildError: ApiError | undefined;
}

const codeOf = (error: unknown) => (error instanceof ApiError ? error.problem?.code : undefined);

type SentFiles = NonNullable<CreateDraft['files']>;

export interface DraftOptions extends Pick<DraftTarget, 'hasChanges' | 'obstacle'> {
  readonly onBuilt: () => void;
  readonly onFailed: (error: unknown, files: SentFiles) => void;
}

/** `sent` is read when a draft is made; settings are those of the version that is edited. */
export function useDraft(
  functionName: string,
  version: number,
  sent: SentFiles,
  { hasChanges, obstacle, onBuilt, onFailed }: DraftOptions,
): DraftTarget {
  const api = useApi();
  /** The newest one, and what it was made of. */
  const held = useRef<{ readonly id: string; readonly text: string } | undefined>(undefined);
  const build = useMutation({
    mutationFn: (text: string) => make(api, functionName, version, text),
    onSuccess: onBuilt,
    onError: (error, text) => onFailed(error, JSON.parse(text)),
  });
  const idOf = async (text: string, signal: AbortSignal): Promise<string> => {
    if (held.current?.text === text) return held.current.id;
    const before = held.current;
    held.current = undefined;
    const id = await build.mutateAsync(text);
    held.current = { id, text };
    // The platform would do it by itself, later.
    if (before !== undefined) removeDraft(api, functionName, before.id).catch(() => undefined);
    signal.throwIfAborted();
    return id;
  };
  return {
    hasChanges,
    obstacle,
    isBuilding: build.isPending,
    buildError: codeOf(build.error) === 'build_failed' ? (build.error as ApiError) : undefined,
    call: async (send, signal) => {
      const text = JSON.stringify(sent);
      try {
        return await send(await idOf(text, signal));
      } catch (error) {
        // After an hour, or a restart of the platform.
        if (codeOf(error) !== 'draft_not_found') throw error;
        held.current = undefined;
        return await send(await idOf(text, signal));
      }
    },
  };
}

async function make(api: Api, functionName: string, version: number, text: string): Promise<string> {
  const { config } = await api.version(functionName, version);
  const { draft } = await newDraft(api, functionName, { ...config, files: JSON.parse(text) });
  return draft.id;
}
