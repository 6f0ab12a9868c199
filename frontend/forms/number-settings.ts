import type { LimitName } from '../../shared/api/system.ts';
import { defaultVersionConfig, type VersionConfig, versionConfigSchema } from '../../shared/version-config.ts';
import { formatBytes, formatMs } from '../util/format.ts';

/** A setting of a version that is one number. */
export interface NumberSetting {
  readonly label: string;
  readonly hint: string;
  /** Where the API has it, dotted. */
  readonly path: string;
  readonly min: number;
  readonly max: number;
  readonly isWhole: boolean;
  /** As the form shows it; empty where the platform decides. */
  readonly initial: string;
  /** What an empty field means, where it may be empty. */
  readonly emptyMeans: string | undefined;
  /** Not every isolation level enforces it. */
  readonly limit: LimitName | undefined;
}

interface Bounded {
  readonly minValue: number | null;
  readonly maxValue: number | null;
}

const { shape } = versionConfigSchema;
const { retry, batch, capture } = { retry: shape.retry.shape, batch: shape.batch.shape, capture: shape.capture.shape };
const defaults = defaultVersionConfig('nodejs', 'process');

/** What stands at a dotted path of a configuration. */
function valueAt(config: VersionConfig, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, step) => (value as Readonly<Record<string, unknown>> | undefined)?.[step], config);
}

const textAt = (config: VersionConfig, path: string): string => {
  const value = valueAt(config, path);
  return value === null || value === undefined ? '' : String(value);
};

type Extras = Partial<Pick<NumberSetting, 'emptyMeans' | 'limit' | 'isWhole'>>;

/** Range and default are those of the API. */
function setting(path: string, schema: Bounded, label: string, hint: string, extras: Extras = {}): NumberSetting {
  const { minValue, maxValue } = schema;
  return {
    ...{ label, hint, path, min: minValue ?? 0, max: maxValue ?? Number.MAX_SAFE_INTEGER, isWhole: true },
    ...{ initial: textAt(defaults, path), emptyMeans: undefined, limit: undefined },
    ...extras,
  };
}

export const limitSettings = {
  timeoutMs: setting('timeoutMs', shape.timeoutMs, 'Timeout (ms)', 'Of one call'),
  initTimeoutMs: setting('initTimeoutMs', shape.initTimeoutMs, 'Init timeout (ms)', 'Loading the code, and init()'),
  memoryMb: setting('memoryMb', shape.memoryMb, 'Memory (MiB)', 'Of one instance', { limit: 'memory' }),
  cpus: setting('cpus', shape.cpus, 'CPUs', 'Fractions are allowed', { limit: 'cpu', isWhole: false }),
  tmpMb: setting('tmpMb', shape.tmpMb, 'Space in /tmp (MiB)', 'Of one instance', { limit: 'tmp' }),
  maxPids: setting('maxPids', shape.maxPids, 'Processes', 'And threads, of one instance', { limit: 'pids' }),
  maxRequestBytes: setting(
    'maxRequestBytes',
    shape.maxRequestBytes,
    'Request (bytes)',
    'A body, or one message of a WebSocket; larger is refused with 413',
  ),
  maxResponseBytes: setting(
    'maxResponseBytes',
    shape.maxResponseBytes,
    'Response (bytes)',
    'A body, streamed or not, or one message of a WebSocket',
  ),
} as const;

export const scalingSettings = {
  concurrency: setting('concurrency', shape.concurrency, 'Concurrency', 'Calls at once in one instance'),
  maxConcurrency: setting('maxConcurrency', shape.maxConcurrency.unwrap(), 'Calls at once', 'Of the whole function', {
    emptyMeans: 'as many as its instances take',
  }),
  minInstances: setting('minInstances', shape.minInstances, 'Kept warm', 'Instances that always run'),
  maxInstances: setting('maxInstances', shape.maxInstances, 'Most instances', 'Further calls wait'),
  reservedConcurrency: setting(
    'reservedConcurrency',
    shape.reservedConcurrency,
    'Reserved places',
    'Of the host, for this function alone',
  ),
  weight: setting('weight', shape.weight, 'Weight', 'Share of a busy host, against other functions'),
  idleTimeoutMs: setting('idleTimeoutMs', shape.idleTimeoutMs.unwrap(), 'Kept idle (ms)', 'After its last call', {
    emptyMeans: 'decided from when it is called',
  }),
} as const;

export const batchSettings = {
  batchMaxSize: setting('batch.maxSize', batch.maxSize, 'Most calls', 'In one batch; 1: no batches'),
  batchWindowMs: setting(
    'batch.windowMs',
    batch.windowMs.unwrap(),
    'Window (ms)',
    'Longest wait for more; none while idle',
  ),
  batchMaxBytes: setting('batch.maxBytes', batch.maxBytes.unwrap(), 'Most bytes', 'Of the bodies of one batch'),
} as const;

export const retrySettings = {
  retryMaxAttempts: setting('retry.maxAttempts', retry.maxAttempts.unwrap(), 'Attempts', 'In total; 1: no retry'),
  retryMaxAgeMs: setting('retry.maxAgeMs', retry.maxAgeMs.unwrap(), 'Maximum age (ms)', 'No attempt after this age'),
  retryMinBackoffMs: setting(
    'retry.minBackoffMs',
    retry.minBackoffMs.unwrap(),
    'First wait (ms)',
    'Doubles each time, with jitter',
  ),
  retryMaxBackoffMs: setting(
    'retry.maxBackoffMs',
    retry.maxBackoffMs.unwrap(),
    'Longest wait (ms)',
    'Between two attempts',
  ),
} as const;

export const captureSettings = {
  captureMaxBytes: setting(
    'capture.maxBytes',
    capture.maxBytes.unwrap(),
    'Most bytes',
    'Of a request body, and of a response; what is cut cannot be replayed',
  ),
} as const;

export const numberSettings = {
  ...limitSettings,
  ...scalingSettings,
  ...batchSettings,
  ...retrySettings,
  ...captureSettings,
} as const;
export type NumberKey = keyof typeof numberSettings;
/** Numbers are text until they are sent. */
export type NumberDraft = Readonly<Record<NumberKey, string>>;

export const numberKeys = Object.keys(numberSettings) as readonly NumberKey[];
const each = (textOf: (setting: NumberSetting) => string): NumberDraft =>
  Object.fromEntries(numberKeys.map((key) => [key, textOf(numberSettings[key])])) as NumberDraft;

export const emptyNumbers: NumberDraft = each(({ initial }) => initial);

/** What the form shows of a version's numbers. */
export const numberDraftOf = (config: VersionConfig): NumberDraft => each(({ path }) => textAt(config, path));

const isLeftOut = (key: NumberKey, text: string): boolean =>
  numberSettings[key].emptyMeans !== undefined && text.trim() === '';

/** What is wrong with each number by itself. */
export function checkNumbers(draft: NumberDraft): Partial<Record<NumberKey, string>> {
  const errors: Partial<Record<NumberKey, string>> = {};
  for (const key of numberKeys) {
    const { min, max, isWhole }: NumberSetting = numberSettings[key];
    const value = Number(draft[key]);
    const isFine = draft[key].trim() !== '' && (!isWhole || Number.isInteger(value)) && value >= min && value <= max;
    if (!isFine && !isLeftOut(key, draft[key]))
      errors[key] = `A ${isWhole ? 'whole ' : ''}number from ${min} to ${max}`;
  }
  return errors;
}

type NumberConfig = Pick<
  VersionConfig,
  Extract<keyof VersionConfig, keyof typeof limitSettings | keyof typeof scalingSettings> | 'batch' | 'retry'
> & { readonly capture: Pick<VersionConfig['capture'], 'maxBytes'> };

/** What is sent of checked numbers. */
export function numbersOf(draft: NumberDraft): NumberConfig {
  const config: Record<string, unknown> = {};
  for (const key of numberKeys) {
    const value = isLeftOut(key, draft[key]) ? null : Number(draft[key]);
    const [field = '', inner] = numberSettings[key].path.split('.');
    config[field] = inner === undefined ? value : { ...(config[field] as object | undefined), [inner]: value };
  }
  return config as NumberConfig;
}

/** What a number is for, what it may be and what it is otherwise. */
export function numberNote(key: NumberKey, text: string): string {
  const { hint, min, max, emptyMeans, initial } = numberSettings[key] as NumberSetting;
  const otherwise = emptyMeans === undefined ? `default ${initial}` : `empty: ${emptyMeans}`;
  return `${hint}${inWords(key, text)}. ${min} to ${max}, ${otherwise}`;
}

/** A minute and more in milliseconds, and a kilobyte and more in bytes, are hard to read. */
function inWords(key: string, text: string): string {
  const value = Number(text);
  if (key.endsWith('Ms') && value >= 60_000) return ` (${formatMs(value)})`;
  return key.endsWith('Bytes') && value >= 1024 ? ` (${formatBytes(value)})` : '';
}
