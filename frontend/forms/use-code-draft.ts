import { useEffect, useRef, useState } from 'react';
import { changedFiles } from '../../shared/version-changes.ts';
import { type CodeDraft, codeDraft, dropCodeDraft, keepCodeDraft } from '../util/code-drafts.ts';
import type { Files } from './draft.ts';

export interface EditedCode {
  readonly files: Files;
  readonly changed: ReturnType<typeof changedFiles>;
  /** Changes that were made to another version than the one that is shown, and are in no editor. */
  readonly outdated: CodeDraft | undefined;
  /** False when this browser has no room for the changes: a reload would lose them. */
  readonly isKept: boolean;
  edit(files: Files): void;
  /** What is in the editor is live now. */
  deployed(): void;
  /** Back to what is deployed. */
  discard(): void;
}

/** The files in the editor: what was changed last time, or else what is deployed; changes are kept in this browser until they are deployed or discarded. */
export function useCodeDraft(functionId: string, version: number, deployed: Files): EditedCode {
  const [kept, setKept] = useState(() => codeDraft(localStorage, functionId));
  const isOurs = kept?.version === version;
  const [files, setFiles] = useState<Files>(isOurs ? kept.files : deployed);
  const [isKept, setIsKept] = useState(true);
  /** Until the editor shows the new version. */
  const isDeployed = useRef(false);
  const outdated = kept !== undefined && !isOurs ? kept : undefined;
  const changed = changedFiles(deployed, files);
  const hasChanges = changed.size > 0;
  useEffect(() => {
    if (isDeployed.current) return;
    if (hasChanges) setIsKept(keepCodeDraft(localStorage, functionId, { version, files }));
    else if (outdated === undefined) dropCodeDraft(localStorage, functionId);
  }, [functionId, version, files, hasChanges, outdated]);
  const forget = () => {
    dropCodeDraft(localStorage, functionId);
    setKept(undefined);
    setIsKept(true);
  };
  return {
    files,
    changed,
    outdated,
    isKept,
    edit: (next) => {
      isDeployed.current = false;
      setKept(undefined);
      setFiles(next);
    },
    deployed: () => {
      isDeployed.current = true;
      dropCodeDraft(localStorage, functionId);
    },
    discard: () => {
      forget();
      setFiles(deployed);
    },
  };
}
