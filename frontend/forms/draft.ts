import type { z } from 'zod';
import type { CreateFunction, VersionDocument } from '../../shared/api/functions.ts';
import { numberConflicts } from '../../shared/config-conflicts.ts';
import { limits } from '../../shared/limits.ts';
import { type SingleFlightConfig, singleFlightSchema } from '../../shared/single-flight.ts';
import { type IsolationLevel, type VersionConfig, versionConfigSchema } from '../../shared/version-config.ts';
import { type AccessDraft, accessDraftOf, accessKeyOf, accessOf, checkAccess, emptyAccess } from './access-draft.ts';
import { type EgressChoice, egressDraft, egressOf, parseEgressHosts } from './egress-text.ts';
import { envText, parseEnv } from './env-text.ts';
import {
  checkNumbers,
  emptyNumbers,
  type NumberDraft,
  numberDraftOf,
  numberKeys,
  numberSettings,
  numbersOf,
} from './number-settings.ts';
import {
  checkRateLimits,
  firstRateLimitError,
  type RateLimitDraft,
  rateLimitDraftOf,
  rateLimitOf,
} from './rate-limit-draft.ts';
import { schemaOfText, schemaText, schemaTextError } from './schema-text.ts';
import type { Template } from './templates.ts';
import {
  checkWindows,
  firstWindowError,
  maxWindows,
  type WindowDraft,
  windowDraftOf,
  windowOf,
} from './window-draft.ts';

export type Files = Readonly<Record<string, string>>;

/** Settings as the form holds them: numbers are text until they are sent. */
export interface SettingsDraft extends AccessDraft, NumberDraft {
  readonly handler: string;
  readonly provisionedWindows: readonly WindowDraft[];
  /** Empty: what the platform does when nothing is said. */
  readonly isolation: IsolationLevel | '';
  readonly egress: EgressChoice;
  /** With `hosts`: one a line. */
  readonly egressHosts: string;
  /** As in a .env file. */
  readonly env: string;
  /** By name, in the order in which they were chosen. */
  readonly secrets: readonly string[];
  readonly rateLimits: readonly RateLimitDraft[];
  readonly captureRequests: VersionConfig['capture']['requests'];
  readonly singleFlight: 'off' | 'on' | 'headers';
  /** With `headers`: those that tell calls apart, separated by commas. */
  readonly singleFlightHeaders: string;
  /** Starts in microVMs may be copies. */
  readonly snapshots: boolean;
  /** JSON text; empty: none. */
  readonly inputSchema: string;
}

export type SettingsErrors = Partial<Record<keyof SettingsDraft | 'name', string>>;

export const emptySettings: SettingsDraft = {
  handler: 'index.handler',
  ...emptyNumbers,
  provisionedWindows: [],
  isolation: '',
  egress: '',
  egressHosts: '',
  env: '',
  secrets: [],
  rateLimits: [],
  captureRequests: 'errors',
  singleFlight: 'off',
  singleFlightHeaders: '',
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

function batchDraftOf(batch: NonNullable<CreateFunction['batch']>) {
  return {
    batchMaxSize: String(batch.maxSize),
    batchWindowMs: String(batch.windowMs),
    batchMaxBytes: String(batch.maxBytes ?? limits.maxBatchBytes),
  };
}

function singleFlightDraftOf(choice: SingleFlightConfig): Pick<SettingsDraft, 'singleFlight' | 'singleFlightHeaders'> {
  if (typeof choice === 'boolean') return { singleFlight: choice ? 'on' : 'off', singleFlightHeaders: '' };
  return { singleFlight: 'headers', singleFlightHeaders: choice.headers.join(', ') };
}

export function settingsOfVersion(version: VersionDocument): SettingsDraft {
  const { config } = version;
  return {
    handler: config.handler,
    ...numberDraftOf(config),
    provisionedWindows: config.provisionedWindows.map(windowDraftOf),
    isolation: config.isolation,
    ...egressDraft(config.egress),
    env: envText(config.env),
    secrets: config.secrets,
    ...accessDraftOf(config),
    rateLimits: config.rateLimits.map(rateLimitDraftOf),
    captureRequests: config.capture.requests,
    ...singleFlightDraftOf(config.singleFlight),
    snapshots: config.snapshots,
    inputSchema: schemaText(config.inputSchema),
  };
}

/** The field of the form for a place in what was sent; undefined: it has none. */
function settingAt(path: string): keyof SettingsDraft | undefined {
  const [first = '', ...rest] = path.split('.');
  const number = numberKeys.find((key) => numberSettings[key].path === path);
  if (number !== undefined) return number;
  if (first === 'auth' || first === 'cors') return accessKeyOf(first, rest[0] ?? '');
  if (first === 'egress') return 'egressHosts';
  if (first === 'singleFlight') return 'singleFlightHeaders';
  return first in emptySettings ? (first as keyof SettingsDraft) : undefined;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What the platform found wrong, by the fields of the form, in its words. */
export function errorsAt(issues: readonly { readonly path: string; readonly message: string }[]): SettingsErrors {
  const errors: SettingsErrors = {};
  for (const { path, message } of issues) {
    const key = settingAt(path);
    if (key !== undefined) errors[key] ??= capital(message);
  }
  return errors;
}

function checkTogether(draft: SettingsDraft): SettingsErrors {
  const windows = draft.provisionedWindows.map(windowOf);
  const issues = numberConflicts({ ...numbersOf(draft), provisionedWindows: windows });
  const ofWindow = issues.find(({ path }) => path.startsWith('provisionedWindows.'));
  return {
    ...errorsAt(issues),
    ...(ofWindow === undefined
      ? {}
      : { provisionedWindows: `Window ${Number(ofWindow.path.split('.')[1]) + 1}: ${ofWindow.message}` }),
  };
}

function checkLists(draft: SettingsDraft, variables: Readonly<Record<string, string>>): SettingsErrors {
  const errors: SettingsErrors = {};
  const both = draft.secrets.find((name) => Object.hasOwn(variables, name));
  if (both !== undefined) errors.secrets = `${both} is in the environment too: one of them has to go`;
  else if (draft.secrets.length > limits.maxSecretsPerVersion)
    errors.secrets = `At most ${limits.maxSecretsPerVersion} secrets`;
  const rates = firstRateLimitError(checkRateLimits(draft.rateLimits, draft.auth !== 'public'));
  if (rates !== undefined) errors.rateLimits = rates;
  const windows =
    draft.provisionedWindows.length > maxWindows
      ? `At most ${maxWindows} windows`
      : firstWindowError(checkWindows(draft.provisionedWindows));
  if (windows !== undefined) errors.provisionedWindows = windows;
  return errors;
}

const firstMessage = (schema: z.ZodType, value: unknown): string | undefined =>
  schema.safeParse(value).error?.issues[0]?.message;

/** What is wrong with each field, as far as it can be known without asking the platform. */
export function checkSettings(draft: SettingsDraft): SettingsErrors {
  const errors: SettingsErrors = {};
  if (!/^[\w./-]+$/.test(draft.handler)) errors.handler = 'file.export, for example index.handler';
  const { env, error } = parseEnv(draft.env);
  const wrongEnv = error ?? firstMessage(versionConfigSchema.shape.env, env);
  if (wrongEnv !== undefined) errors.env = wrongEnv;
  const wrongSchema = schemaTextError(draft.inputSchema);
  if (wrongSchema !== undefined) errors.inputSchema = wrongSchema;
  const hosts = draft.egress === 'hosts' ? parseEgressHosts(draft.egressHosts).error : undefined;
  if (hosts !== undefined) errors.egressHosts = hosts;
  if (!singleFlightSchema.safeParse(singleFlightOf(draft)).success)
    errors.singleFlightHeaders = 'Names of headers, at most 20';
  const names = new Set([...Object.keys(env), ...draft.secrets]);
  return {
    ...checkTogether(draft),
    ...checkNumbers(draft),
    ...errors,
    ...checkLists(draft, env),
    ...checkAccess(draft, names),
  };
}

/** What is sent of checked settings of a new function: what differs from the defaults, which hosts may not enforce, but then only warn of. */
export function chosenConfigOf(draft: SettingsDraft): Partial<CreateFunction> {
  const config = configOf(draft);
  return { handler: config.handler, env: config.env, ...differences(configOf(emptySettings), config) };
}

function singleFlightOf({ singleFlight, singleFlightHeaders }: SettingsDraft): SingleFlightConfig {
  if (singleFlight !== 'headers') return singleFlight === 'on';
  return {
    headers: singleFlightHeaders
      .toLowerCase()
      .split(/[\s,]+/)
      .filter(Boolean),
  };
}

/** What is sent of checked settings. */
export function configOf(draft: SettingsDraft): Partial<CreateFunction> {
  const numbers = numbersOf(draft);
  return {
    handler: draft.handler,
    ...numbers,
    capture: { requests: draft.captureRequests, ...numbers.capture },
    provisionedWindows: draft.provisionedWindows.map(windowOf),
    env: parseEnv(draft.env).env,
    secrets: [...draft.secrets],
    ...accessOf(draft),
    rateLimits: draft.rateLimits.map(rateLimitOf),
    singleFlight: singleFlightOf(draft),
    snapshots: draft.snapshots,
    inputSchema: schemaOfText(draft.inputSchema),
    ...(draft.isolation === '' ? {} : { isolation: draft.isolation }),
    ...(draft.egress === '' ? {} : { egress: egressOf(draft.egress, draft.egressHosts) }),
  };
}

function differences(before: Partial<CreateFunction>, after: Partial<CreateFunction>): Partial<CreateFunction> {
  const old: Readonly<Record<string, unknown>> = before;
  const isChanged = ([key, value]: [string, unknown]) => JSON.stringify(old[key]) !== JSON.stringify(value);
  return Object.fromEntries(Object.entries(after).filter(isChanged));
}

/** What is sent of a changed draft: what the form did not change stays as the version has it, to the letter. */
export const changedConfigOf = (before: SettingsDraft, after: SettingsDraft): Partial<CreateFunction> =>
  differences(configOf(before), configOf(after));
