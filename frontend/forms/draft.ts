import type { CreateFunction, VersionDocument } from '../../shared/api/functions.ts';
import { limits } from '../../shared/limits.ts';
import type { SingleFlightConfig } from '../../shared/single-flight.ts';
import {
  defaultVersionConfig,
  type IsolationLevel,
  type VersionConfig,
  versionConfigSchema,
} from '../../shared/version-config.ts';
import { type AccessDraft, accessDraftOf, accessOf, checkAccess, emptyAccess } from './access-draft.ts';
import { type EgressChoice, egressDraft, egressOf, parseEgressHosts } from './egress-text.ts';
import {
  checkRateLimits,
  firstRateLimitError,
  type RateLimitDraft,
  rateLimitDraftOf,
  rateLimitOf,
} from './rate-limit-draft.ts';
import { schemaOfText, schemaText, schemaTextError } from './schema-text.ts';
import type { Template } from './templates.ts';

export type Files = Readonly<Record<string, string>>;

/** Settings as the form holds them: numbers are text until they are sent. */
export interface SettingsDraft extends AccessDraft {
  readonly handler: string;
  readonly timeoutMs: string;
  readonly memoryMb: string;
  readonly cpus: string;
  readonly concurrency: string;
  readonly minInstances: string;
  readonly maxInstances: string;
  readonly reservedConcurrency: string;
  /** Empty: decided by the platform. */
  readonly idleTimeoutMs: string;
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
  readonly retryMaxAttempts: string;
  readonly retryMaxAgeMs: string;
  readonly retryMinBackoffMs: string;
  readonly retryMaxBackoffMs: string;
  readonly rateLimits: readonly RateLimitDraft[];
  readonly singleFlight: SingleFlightConfig;
  /** Starts in microVMs may be copies. */
  readonly snapshots: boolean;
  /** JSON text; empty: none. */
  readonly inputSchema: string;
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
  idleTimeoutMs: '',
  isolation: '',
  egress: '',
  egressHosts: '',
  env: '',
  secrets: [],
  batchMaxSize: '1',
  batchWindowMs: '0',
  batchMaxBytes: String(limits.maxBatchBytes),
  ...retryDraftOf(defaultVersionConfig('nodejs', 'process').retry),
  rateLimits: [],
  singleFlight: false,
  snapshots: true,
  inputSchema: '',
  ...emptyAccess,
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

function retryDraftOf(retry: VersionConfig['retry']) {
  return {
    retryMaxAttempts: String(retry.maxAttempts),
    retryMaxAgeMs: String(retry.maxAgeMs),
    retryMinBackoffMs: String(retry.minBackoffMs),
    retryMaxBackoffMs: String(retry.maxBackoffMs),
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
    idleTimeoutMs: config.idleTimeoutMs === null ? '' : String(config.idleTimeoutMs),
    isolation: config.isolation,
    ...egressDraft(config.egress),
    env: Object.entries(config.env)
      .map(([key, value]) => `${key}=${/[\n\r"]|^\s|\s$/.test(value) ? JSON.stringify(value) : value}`)
      .join('\n'),
    secrets: config.secrets,
    ...batchDraftOf(config.batch),
    ...retryDraftOf(config.retry),
    ...accessDraftOf(config),
    rateLimits: config.rateLimits.map(rateLimitDraftOf),
    singleFlight: config.singleFlight,
    snapshots: config.snapshots,
    inputSchema: schemaText(config.inputSchema),
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

const { maxAttempts, maxAgeMs, minBackoffMs, maxBackoffMs } = versionConfigSchema.shape.retry.shape;

interface NumberRange {
  readonly min: number;
  readonly max: number;
}

/** What a schema of a number with both ends lets in. */
function rangeOf(schema: typeof maxAttempts): NumberRange {
  const { minValue, maxValue } = schema.unwrap();
  return { min: minValue ?? 0, max: maxValue ?? Number.MAX_SAFE_INTEGER };
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
  idleTimeoutMs: limits.idleTimeoutMs,
  retryMaxAttempts: rangeOf(maxAttempts),
  retryMaxAgeMs: rangeOf(maxAgeMs),
  retryMinBackoffMs: rangeOf(minBackoffMs),
  retryMaxBackoffMs: rangeOf(maxBackoffMs),
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
const retryKeys = ['retryMaxAttempts', 'retryMinBackoffMs', 'retryMaxBackoffMs', 'retryMaxAgeMs'] as const;

function checkNumbers(draft: SettingsDraft): SettingsErrors {
  const errors: SettingsErrors = {};
  const idleKeys = draft.idleTimeoutMs.trim() === '' ? [] : (['idleTimeoutMs'] as const);
  for (const key of [...numberKeys, ...batchKeys, ...retryKeys, ...idleKeys]) {
    const { min, max } = ranges[key];
    const value = Number(draft[key]);
    const isWhole = key === 'cpus' || Number.isInteger(value);
    if (draft[key].trim() === '' || !isWhole || !(value >= min && value <= max)) {
      errors[key] = `A ${key === 'cpus' ? '' : 'whole '}number from ${min} to ${max}`;
    }
  }
  if (Number(draft.retryMinBackoffMs) > Number(draft.retryMaxBackoffMs))
    errors.retryMinBackoffMs ??= 'Not more than the longest wait';
  return errors;
}

export function checkSettings(draft: SettingsDraft): SettingsErrors {
  const errors = checkNumbers(draft);
  if (!/^[\w./-]+$/.test(draft.handler)) errors.handler = 'file.export, for example index.handler';
  const { env, error } = parseEnv(draft.env);
  if (error !== undefined) errors.env = error;
  const wrongSchema = schemaTextError(draft.inputSchema);
  if (wrongSchema !== undefined) errors.inputSchema = wrongSchema;
  const hosts = draft.egress === 'hosts' ? parseEgressHosts(draft.egressHosts).error : undefined;
  if (hosts !== undefined) errors.egressHosts = hosts;
  const both = draft.secrets.find((name) => name in env);
  if (both !== undefined) errors.secrets = `${both} is in the environment too: one of them has to go`;
  else if (draft.secrets.length > limits.maxSecretsPerVersion)
    errors.secrets = `At most ${limits.maxSecretsPerVersion} secrets`;
  const rates = firstRateLimitError(checkRateLimits(draft.rateLimits, draft.auth !== 'public'));
  if (rates !== undefined) errors.rateLimits = rates;
  return { ...errors, ...checkAccess(draft, new Set([...Object.keys(env), ...draft.secrets])) };
}

/** What is sent of checked settings of a new function: what differs from the defaults, which hosts may not enforce, but then only warn of. */
export function chosenConfigOf(draft: SettingsDraft): Partial<CreateFunction> {
  const config = configOf(draft);
  const isDefault = (key: (typeof numberKeys)[number]): boolean => Number(draft[key]) === Number(emptySettings[key]);
  const defaults = new Set<string>(numberKeys.filter(isDefault));
  if (batchKeys.every((key) => Number(draft[key]) === Number(emptySettings[key]))) defaults.add('batch');
  if (retryKeys.every((key) => Number(draft[key]) === Number(emptySettings[key]))) defaults.add('retry');
  if (draft.idleTimeoutMs.trim() === '') defaults.add('idleTimeoutMs');
  if (draft.auth === 'public') defaults.add('auth');
  if (draft.cors === 'off') defaults.add('cors');
  if (draft.secrets.length === 0) defaults.add('secrets');
  if (draft.rateLimits.length === 0) defaults.add('rateLimits');
  if (draft.singleFlight === false) defaults.add('singleFlight');
  if (draft.snapshots) defaults.add('snapshots');
  if (draft.inputSchema.trim() === '') defaults.add('inputSchema');
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
    idleTimeoutMs: draft.idleTimeoutMs.trim() === '' ? null : Number(draft.idleTimeoutMs),
    env: parseEnv(draft.env).env,
    secrets: [...draft.secrets],
    batch: {
      maxSize: Number(draft.batchMaxSize),
      windowMs: Number(draft.batchWindowMs),
      maxBytes: Number(draft.batchMaxBytes),
    },
    retry: {
      maxAttempts: Number(draft.retryMaxAttempts),
      maxAgeMs: Number(draft.retryMaxAgeMs),
      minBackoffMs: Number(draft.retryMinBackoffMs),
      maxBackoffMs: Number(draft.retryMaxBackoffMs),
    },
    ...accessOf(draft),
    rateLimits: draft.rateLimits.map(rateLimitOf),
    singleFlight: draft.singleFlight,
    snapshots: draft.snapshots,
    inputSchema: schemaOfText(draft.inputSchema),
    ...(draft.isolation === '' ? {} : { isolation: draft.isolation }),
    ...(draft.egress === '' ? {} : { egress: egressOf(draft.egress, draft.egressHosts) }),
  };
}

/** What is sent of a changed draft: what the form did not change stays as the version has it, to the letter. */
export function changedConfigOf(before: SettingsDraft, after: SettingsDraft): Partial<CreateFunction> {
  const old: Readonly<Record<string, unknown>> = configOf(before);
  const isChanged = ([key, value]: [string, unknown]) => JSON.stringify(old[key]) !== JSON.stringify(value);
  return Object.fromEntries(Object.entries(configOf(after)).filter(isChanged));
}
