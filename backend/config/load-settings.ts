import { readFileSync } from 'node:fs';
import { similarNames } from '../../shared/similar-names.ts';
import { type SettingName, type Settings, settingsSchema } from './schema.ts';

/** A setting that cannot be used. One line for a person; the process then ends with exit status 2. */
export class SettingsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SettingsError';
  }
}

export interface LoadedSettings {
  readonly settings: Settings;
  /** Names that start with HEARTH_ but mean nothing, with the nearest name that does. */
  readonly warnings: readonly string[];
}

/** Settings of the command line, which may stand in the same environment. */
const cliNames: ReadonlySet<string> = new Set(['HEARTH_URL', 'HEARTH_TOKEN']);
const names = Object.keys(settingsSchema.shape) as SettingName[];

/**
 * Parses the environment and the file that HEARTH_CONFIG names. Throws SettingsError with one clear line on a bad value;
 * an unknown HEARTH_* name is a warning, because it may belong to a newer version or another tool.
 */
export function loadSettings(environment: Readonly<Record<string, string | undefined>>): LoadedSettings {
  const warnings: string[] = [];
  const fromFile = readSettingsFile(environment['HEARTH_CONFIG'], warnings);
  const input: Record<string, string> = {};
  for (const name of names) {
    const value = environment[name] ?? fromFile[name];
    if (value !== undefined && value !== '') input[name] = value;
  }
  for (const name of Object.keys(environment)) {
    if (name.startsWith('HEARTH_') && !isSettingName(name) && !cliNames.has(name))
      warnings.push(unknownName(name, 'the environment'));
  }
  const parsed = settingsSchema.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = String(issue?.path[0] ?? 'settings');
    const given = /TOKEN|SECRET|PASSWORD|KEY|HEADERS|SMTP/.test(name) ? 'the value given' : JSON.stringify(input[name]);
    throw new SettingsError(
      `${name}: ${given} cannot be used: ${issue?.message ?? 'bad value'}. See docs/configuration.md.`,
    );
  }
  return { settings: Object.freeze(withTokenFile(parsed.data)), warnings };
}

/**
 * Takes what is secret out of the environment of this process once it is parsed: programs that the platform starts inherit the rest.
 * What /proc shows of this very process stays as it was at its start.
 */
export function forgetSecretSettings(environment: Record<string, string | undefined>): void {
  for (const name of ['HEARTH_SECRETS_KEY', 'HEARTH_ADMIN_TOKEN', 'OTEL_EXPORTER_OTLP_HEADERS'])
    delete environment[name];
}

function isSettingName(name: string): name is SettingName {
  return (names as string[]).includes(name);
}

function readSettingsFile(path: string | undefined, warnings: string[]): Record<string, string> {
  if (path === undefined || path === '') return {};
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new SettingsError(
      `HEARTH_CONFIG: cannot read ${path} as JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new SettingsError(`HEARTH_CONFIG: ${path} must hold one JSON object, for example {"HEARTH_PORT": 3001}`);
  }
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(content)) {
    if (!isSettingName(name)) warnings.push(unknownName(name, path));
    else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      values[name] = String(value);
    else throw new SettingsError(`${name} in ${path}: must be a string, a number or a boolean`);
  }
  return values;
}

function withTokenFile(settings: Settings): Settings {
  if (settings.HEARTH_ADMIN_TOKEN_FILE === '') return settings;
  if (settings.HEARTH_ADMIN_TOKEN !== '')
    throw new SettingsError('HEARTH_ADMIN_TOKEN and HEARTH_ADMIN_TOKEN_FILE are both set; leave one out');
  let token: string;
  try {
    token = readFileSync(settings.HEARTH_ADMIN_TOKEN_FILE, 'utf8').trim();
  } catch (error) {
    throw new SettingsError(
      `HEARTH_ADMIN_TOKEN_FILE: cannot read it: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (token.length < 20)
    throw new SettingsError('HEARTH_ADMIN_TOKEN_FILE: the token in it must have at least 20 characters');
  return { ...settings, HEARTH_ADMIN_TOKEN: token };
}

function unknownName(name: string, where: string): string {
  // Names of settings are long, and their words get mixed up.
  const [meant] = similarNames(name, names, 4);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return `${name} in ${where} is not a setting of Hearth${hint}`;
}
