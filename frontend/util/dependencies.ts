import type { InstalledPackages } from '../../shared/api/functions.ts';

/** In which file a runtime's packages are named. */
export const dependencyFiles = { nodejs: 'package.json', python: 'requirements.txt' } as const;

/** A package that the code names. */
export interface Dependency {
  readonly name: string;
  /** As it is written there; empty when any will do. */
  readonly declared: string;
  /** Versions that were installed; none when that is not known, or still to come. */
  readonly installed: readonly string[];
  /** Of all of them; null when nothing is known. */
  readonly sizeBytes: number | null;
}

export interface Dependencies {
  /** The file cannot be read, for example because it is being written. */
  readonly isBroken: boolean;
  readonly named: readonly Dependency[];
  /** What the named ones need. */
  readonly others: { readonly count: number; readonly sizeBytes: number };
}

type Declared = readonly (readonly [name: string, range: string])[];

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Undefined when the text is no package.json. */
function namedByNpm(text: string): Declared | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(json)) return undefined;
  const groups = [json['dependencies'] ?? {}, json['optionalDependencies'] ?? {}];
  if (!groups.every(isRecord)) return undefined;
  return groups.flatMap((group) => Object.entries(group).map(([name, range]) => [name, String(range)] as const));
}

/** Requirements by name (PEP 508, as far as pip's own files have it); options and files are left out. */
function namedByPip(text: string): Declared {
  const lines = text.split('\n').map((line) => line.replace(/(^|\s)#.*$/, '').trim());
  return lines.flatMap((line) => {
    const [, name, range] = /^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, range ?? ''] as const];
  });
}

/** Names of Python packages are the same in other spellings (PEP 503). */
const sameName = (name: string, installer: InstalledPackages['installer']): string =>
  installer === 'npm' ? name : name.toLowerCase().replace(/[-_.]+/g, '-');

/** What the file in the editor names, beside what the build of the deployed version installed. */
export function dependenciesOf(
  runtime: keyof typeof dependencyFiles,
  text: string | undefined,
  packages: InstalledPackages | null,
): Dependencies {
  const declared = text === undefined ? [] : runtime === 'nodejs' ? namedByNpm(text) : namedByPip(text);
  const installer = runtime === 'nodejs' ? 'npm' : 'pip';
  const names = new Set((declared ?? []).map(([name]) => sameName(name, installer)));
  const items = packages?.items ?? [];
  const bytesOf = (some: InstalledPackages['items']) => some.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const named = (declared ?? []).map(([name, range]): Dependency => {
    const own = items.filter((item) => sameName(item.name, installer) === sameName(name, installer));
    const sizeBytes = own.length === 0 ? null : bytesOf(own);
    return { name, declared: range, installed: own.map(({ version }) => version), sizeBytes };
  });
  const others = items.filter(({ name }) => !names.has(sameName(name, installer)));
  return { isBroken: declared === undefined, named, others: { count: others.length, sizeBytes: bytesOf(others) } };
}
