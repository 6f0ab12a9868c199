import { namePattern } from '../../shared/ids.ts';

/** Why a function or schedule cannot be called so, or undefined. */
export function nameError(name: string): string | undefined {
  if (namePattern.test(name)) return undefined;
  return 'Lower-case letters, digits and hyphens, 1 to 63, not starting or ending with a hyphen';
}

/** Why a secret cannot be called so, or undefined. The platform keeps some names for itself and says so. */
export function secretNameError(name: string): string | undefined {
  if (/^[A-Za-z_]\w{0,127}$/.test(name)) return undefined;
  return 'Letters, digits and _, at most 128, not starting with a digit';
}

/** Why a file or folder cannot be called so beside these files, or undefined. */
export function fileNameError(name: string, files: Readonly<Record<string, unknown>>): string | undefined {
  const path = name.trim();
  if (path === '') return 'Give it a name';
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    return 'A path inside the bundle, such as lib/util.ts';
  }
  if (Object.hasOwn(files, path)) return 'There is a file of this name already';
  if (Object.keys(files).some((other) => other.startsWith(`${path}/`))) return 'There is a folder of this name already';
  const parents = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
  const file = parents.find((parent) => Object.hasOwn(files, parent));
  return file === undefined ? undefined : `${file} is a file, not a folder`;
}
