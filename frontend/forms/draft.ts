import type { CreateFunction, VersionDocument } from '../../shared/api/functions.ts';
import { namePattern } from '../../shared/ids.ts';
import { limits } from '../../shared/limits.ts';
import type { SingleFlightConfig } from '../../shared/single-flight.ts';
import type { IsolationLevel } from '../../shared/version-config.ts';
import { type EgressChoice, egressDraft, egressOf, parseEgressHosts } from './egress-text.ts';
import type { Template } from './templates.ts';

export type Files = Readonly<Record<string, string>>;

/** Settings as the form holds them: numbers are text until they are sent. */
export interface SettingsDraft {
  readonly handler: string;
  readonly timeoutMs: string;
  readonly memoryMb: string;
  readonly cpus: string;
  readonly concurrency: string;
  readonly minInstances: string;
  readonly maxInstances: string;
  readonly reservedConcurrency: string;
  /** Empty: what the platform does when nothing is said. */
  readonly isolation: IsolationLevel | '';
  readonly egress: EgressChoice;
  /** With `hosts`: one a line. */
  readonly egressHosts: string;
  /** `NAME=value`, one a line. */
  readonly env: string;
  /** By name, in the order in which they were chosen. */
  readonly secrets: readonly string[];
  readonly batchMaxSize: string;
  readonly batchWindowMs: string;
  readonly batchMaxBytes: string;
  readonly singleFlight: SingleFlightConfig;
  /** Starts in microVMs may be copies. */
  readonly snapshots: boolean;
}

export type SettingsErrors = Partial<Record<keyof SettingsDraft | 'name', string>>;

export const emptySettings: SettingsDraft = {
  handler: 'index.handler',
  timeoutMs: String(limits.timeoutMs.default),
  memoryMb: String(limits.memoryMb.default),
  cpus: String(limits.cpus.default),
  concurrency: String(limits.concurrency.default),
  minInstances: '0',
  maxInstances: String(limits.maxInstances.default),
  reservedConcurrency: String(limits.reservedConcurrency.default),
  isolation: '',
  egress: '',
  egressHosts: '',
  env: '',
  secrets: [],
  batchMaxSize: '1',
  batchWindowMs: '0',
  batchMaxBytes: String(limits.maxBatchBytes),
  singleFlight: false,
  snapshots: true,
};

export function settingsOfTemplate(template: Template): SettingsDraft {
  const { concurrency = limits.concurrency.default, batch } = template.settings;
  return {
    ...emptySettings,
    handler: template.handler,
    concurrency: String(concurrency),
    ...(batch === undefined ? {} : batchDraftOf(batch)),
  };
}

function batchDraftOf(batch: NonNullable<CreateFunction['batch']>) {
  return {
    batchMaxSize: String(batch.maxSize),
    batchWindowMs: String(batch.windowMs),
    batchMaxBytes: String(batch.maxBytes ?? limits.maxBatchBytes),
  };
}

export function settingsOfVersion(version: VersionDocument): SettingsDraft {
  const { config } = version;
  return {
    handler: config.handler,
    timeoutMs: String(config.timeoutMs),
    memoryMb: String(config.memoryMb),
    cpus: String(config.cpus),
    concurrency: String(config.concurrency),
    minInstances: String(config.minInstances),
    maxInstances: String(config.maxInstances),
    reservedConcurrency: String(config.reservedConcurrency),
    isolation: config.isolation,
    ...egressDraft(config.egress),
    env: Object.entries(config.env)
      .map(([key, value]) => `${key}=${/[\n\r"]|^\s|\s$/.test(value) ? JSON.stringify(value) : value}`)
      .join('\n'),
    secrets: config.secrets,
    ...batchDraftOf(config.batch),
    singleFlight: config.singleFlight,
    snapshots: config.snapshots,
  };
}

/** Reads `NAME=value` lines as they stand in a .env file: comments, `export`, and quotes are understood. */
export function parseEnv(text: string): {
  readonly env: Readonly<Record<string, string>>;
  readonly error: string | undefined;
} {
  const env: Record<string, string> = {};
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim().replace(/^export\s+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const match = line.match(/^([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/);
    if (match === null) return { env, error: `line ${index + 1}: expected NAME=value` };
    const [, key = '', value = ''] = match;
    env[key] = unquote(value.trim());
  }
  return { env, error: undefined };
}

function unquote(value: string): string {
  if (value.length >= 2 && value.startsWith('"') && value.endsWith('"')) {
    try {
      return String(JSON.parse(value));
    } catch {
      return value.slice(1, -1);
    }
  }
  return value.length >= 2 && value.startsWith("'") && value.endsWith("'") ? value.slice(1, -1) : value;
}

export function nameError(name: string): string | undefined {
  if (namePattern.test(name)) return undefined;
  return 'Lower-case letters, digits and hyphens, 1 to 63, not starting or ending with a hyphen';
}

/** Why a secret cannot be called so, or undefined. The platform keeps some names for itself and says so. */
export function secretNameError(name: string): string | undefined {
  if (/^[A-Za-z_]\w{0,127}$/.test(name)) return undefined;
  return 'Letters, digits and _, at most 128, not starting with a digit';
}

const ranges = {
  timeoutMs: limits.timeoutMs,
  memoryMb: limits.memoryMb,
  cpus: limits.cpus,
  concurrency: limits.concurrency,
  minInstances: { min: 0, max: 100 },
  maxInstances: limits.maxInstances,
  reservedConcurrency: limits.reservedConcurrency,
  batchMaxSize: { min: 1, max: 1000 },
  batchWindowMs: { min: 0, max: 60_000 },
  batchMaxBytes: { min: 1, max: limits.maxBatchBytes },
} as const;
const numberKeys = [
  'timeoutMs',
  'memoryMb',
  'cpus',
  'concurrency',
  'minInstances',
  'maxInstances',
  'reservedConcurrency',
] as const;
const batchKeys = ['batchMaxSize', 'batchWindowMs', 'batchMaxBytes'] as const;

export function checkSettings(draft: SettingsDraft): SettingsErrors {
  const errors: SettingsErrors = {};
  for (const key of [...numberKeys, ...batchKeys]) {
    const { min, max } = ranges[key];
    const value = Number(draft[key]);
    const isWhole = key === 'cpus' || Number.isInteger(value);
    if (draft[key].trim() === '' || !isWhole || !(value >= min && value <= max)) {
      errors[key] = `A ${key === 'cpus' ? '' : 'whole '}number from ${min} to ${max}`;
    }
  }
  if (!/^[\w./-]+$/.test(draft.handler)) errors.handler = 'file.export, for example index.handler';
  const { env, error } = parseEnv(draft.env);
  if (error !== undefined) errors.env = error;
  const hosts = draft.egress === 'hosts' ? parseEgressHosts(draft.egressHosts).error : undefined;
  if (hosts !== undefined) errors.egressHosts = hosts;
  const both = draft.secrets.find((name) => name in env);
  if (both !== undefined) errors.secrets = `${both} is in the environment too: one of them has to go`;
  else if (draft.secrets.length > limits.maxSecretsPerVersion)
    errors.secrets = `At most ${limits.maxSecretsPerVersion} secrets`;
  return errors;
}

/** What is sent of checked settings of a new function: what differs from the defaults, which hosts may not enforce, but then only warn of. */
export function chosenConfigOf(draft: SettingsDraft): Partial<CreateFunction> {
  const config = configOf(draft);
  const isDefault = (key: (typeof numberKeys)[number]): boolean => Number(draft[key]) === Number(emptySettings[key]);
  const defaults = new Set<string>(numberKeys.filter(isDefault));
  if (batchKeys.every((key) => Number(draft[key]) === Number(emptySettings[key]))) defaults.add('batch');
  if (draft.secrets.length === 0) defaults.add('secrets');
  if (draft.singleFlight === false) defaults.add('singleFlight');
  if (draft.snapshots) defaults.add('snapshots');
  return Object.fromEntries(Object.entries(config).filter(([key]) => !defaults.has(key)));
}

/** What is sent of checked settings. */
export function configOf(draft: SettingsDraft): Partial<CreateFunction> {
  return {
    handler: draft.handler,
    timeoutMs: Number(draft.timeoutMs),
    memoryMb: Number(draft.memoryMb),
    cpus: Number(draft.cpus),
    concurrency: Number(draft.concurrency),
    minInstances: Number(draft.minInstances),
    maxInstances: Number(draft.maxInstances),
    reservedConcurrency: Number(draft.reservedConcurrency),
    env: parseEnv(draft.env).env,
    secrets: [...draft.secrets],
    batch: {
      maxSize: Number(draft.batchMaxSize),
      windowMs: Number(draft.batchWindowMs),
      maxBytes: Number(draft.batchMaxBytes),
    },
    singleFlight: draft.singleFlight,
    snapshots: draft.snapshots,
    ...(draft.isolation === '' ? {} : { isolation: draft.isolation }),
    ...(draft.egress === '' ? {} : { egress: egressOf(draft.egress, draft.egressHosts) }),
  };
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
