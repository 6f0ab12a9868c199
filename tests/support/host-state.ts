import { existsSync, readFileSync, statSync } from 'node:fs';

const settings = [
  'core_pattern',
  'modprobe',
  'hostname',
  'randomize_va_space',
  'panic',
  'sysrq',
  'perf_event_paranoid',
];

/** Settings of this host's kernel that an escape could change, one line each, for a comparison of before and after. */
export function kernelSettings(): readonly string[] {
  return settings.map((name) => {
    const path = `/proc/sys/kernel/${name}`;
    return existsSync(path) ? `${name}=${readFileSync(path, 'utf8').trim()}` : `${name} absent`;
  });
}

/** A line for each file; differs when the file was touched in any way that `of` looks at. */
export function fingerprints(
  paths: readonly string[],
  of: (path: string) => string = (path) => String(statSync(path).mtimeMs),
): readonly string[] {
  return paths.map((path) => (existsSync(path) ? `${path} ${of(path)}` : `${path} absent`));
}
