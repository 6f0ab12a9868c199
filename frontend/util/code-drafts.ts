/** Code that was edited and not deployed yet. Kept in this browser only, so that a reload or a closed tab loses nothing. */
export interface CodeDraft {
  /** That was edited. */
  readonly version: number;
  readonly files: Readonly<Record<string, string>>;
}

const maxChars = 1024 * 1024;
const keyOf = (functionId: string) => `hearth.draft.${functionId}`;

function isCodeDraft(value: unknown): value is CodeDraft {
  if (typeof value !== 'object' || value === null || !('version' in value) || !('files' in value)) return false;
  const { version, files } = value;
  const isRecord = typeof files === 'object' && files !== null && !Array.isArray(files);
  return Number.isInteger(version) && isRecord && Object.values(files).every((text) => typeof text === 'string');
}

/** Undefined when there is none, or what is there is of an older release. */
export function codeDraft(storage: Pick<Storage, 'getItem'>, functionId: string): CodeDraft | undefined {
  try {
    const stored: unknown = JSON.parse(storage.getItem(keyOf(functionId)) ?? 'null');
    return isCodeDraft(stored) ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** False when it is larger than a million characters, or the browser has no room for it; an older one is gone then, too. */
export function keepCodeDraft(
  storage: Pick<Storage, 'setItem' | 'removeItem'>,
  functionId: string,
  draft: CodeDraft,
): boolean {
  const text = JSON.stringify(draft);
  try {
    if (text.length > maxChars) throw new RangeError('too large');
    storage.setItem(keyOf(functionId), text);
    return true;
  } catch {
    dropCodeDraft(storage, functionId);
    return false;
  }
}

export function dropCodeDraft(storage: Pick<Storage, 'removeItem'>, functionId: string): void {
  storage.removeItem(keyOf(functionId));
}
