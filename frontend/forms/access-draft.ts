import type { z } from 'zod';
import { type CallerAuth, jwtAuthSchema, signatureAuthSchema } from '../../shared/caller-auth.ts';
import {
  isOpenToEverySite,
  openToEverySite,
  type VersionConfig,
  versionConfigSchema,
} from '../../shared/version-config.ts';

/** Who may call a version through the gateway, and which pages of other sites, as the form holds it. */
export interface AccessDraft {
  readonly auth: 'public' | CallerAuth['type'];
  /** With `signature`: the variable or secret with the key. */
  readonly authKey: string;
  readonly authToleranceSeconds: string;
  /** With `jwt`, down to `jwtClockToleranceSeconds`. */
  readonly jwtIssuer: string;
  /** One a line. */
  readonly jwtAudience: string;
  readonly jwtKeys: 'url' | 'given';
  readonly jwksUrl: string;
  /** JSON. */
  readonly jwks: string;
  /** Separated by commas; empty: those of the platform. */
  readonly jwtAlgorithms: string;
  readonly jwtClockToleranceSeconds: string;
  readonly cors: 'off' | 'on';
  /** One a line. */
  readonly corsOrigins: string;
  /** Separated by commas; empty: what the page asks for. */
  readonly corsMethods: string;
  readonly corsHeaders: string;
  readonly corsMaxAgeSeconds: string;
  readonly corsCredentials: boolean;
}

export type AccessErrors = Partial<Record<keyof AccessDraft, string>>;

export const emptyAccess: AccessDraft = {
  auth: 'public',
  authKey: '',
  authToleranceSeconds: '',
  jwtIssuer: '',
  jwtAudience: '',
  jwtKeys: 'url',
  jwksUrl: '',
  jwks: '',
  jwtAlgorithms: '',
  jwtClockToleranceSeconds: '',
  cors: 'off',
  corsOrigins: '',
  corsMethods: '',
  corsHeaders: '',
  corsMaxAgeSeconds: '',
  corsCredentials: false,
};

const textOf = (value: number | undefined): string => (value === undefined ? '' : String(value));
const commas = (values: readonly string[] | undefined): string => values?.join(', ') ?? '';

function authDraftOf(auth: CallerAuth | null): Partial<AccessDraft> {
  if (auth === null) return {};
  if (auth.type === 'token') return { auth: 'token' };
  if (auth.type === 'signature')
    return { auth: 'signature', authKey: auth.key, authToleranceSeconds: textOf(auth.toleranceSeconds) };
  return {
    auth: 'jwt',
    jwtIssuer: auth.issuer,
    jwtAudience: auth.audience.join('\n'),
    jwtKeys: auth.jwks === undefined ? 'url' : 'given',
    jwksUrl: auth.jwksUrl ?? '',
    jwks: auth.jwks === undefined ? '' : JSON.stringify(auth.jwks, null, 2),
    jwtAlgorithms: commas(auth.algorithms),
    jwtClockToleranceSeconds: textOf(auth.clockToleranceSeconds),
  };
}

function corsDraftOf(cors: VersionConfig['cors']): Partial<AccessDraft> {
  if (cors === null) return {};
  return {
    cors: 'on',
    corsOrigins: cors.origins.join('\n'),
    corsMethods: commas(cors.methods),
    corsHeaders: commas(cors.headers),
    corsMaxAgeSeconds: textOf(cors.maxAgeSeconds),
    corsCredentials: cors.credentials ?? false,
  };
}

/** What the form shows of a version's settings. */
export function accessDraftOf({ auth, cors }: Pick<VersionConfig, 'auth' | 'cors'>): AccessDraft {
  return { ...emptyAccess, ...authDraftOf(auth), ...corsDraftOf(cors) };
}

const listOf = (text: string): string[] =>
  text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map((part) => part.trim());
const linesOf = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
/** A field of an object only if something stands in it. */
const given = <T>(key: string, text: string, read: (text: string) => T): Readonly<Record<string, T>> =>
  text.trim() === '' ? {} : { [key]: read(text) };

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function authInput(draft: AccessDraft): unknown {
  const { auth } = draft;
  if (auth === 'public') return null;
  if (auth === 'token') return { type: auth };
  if (auth === 'signature')
    return { type: auth, key: draft.authKey.trim(), ...given('toleranceSeconds', draft.authToleranceSeconds, Number) };
  return {
    type: auth,
    issuer: draft.jwtIssuer.trim(),
    audience: linesOf(draft.jwtAudience),
    ...given('algorithms', draft.jwtAlgorithms, listOf),
    ...(draft.jwtKeys === 'url' ? { jwksUrl: draft.jwksUrl.trim() } : { jwks: jsonOf(draft.jwks) ?? draft.jwks }),
    ...given('clockToleranceSeconds', draft.jwtClockToleranceSeconds, Number),
  };
}

function corsInput(draft: AccessDraft): unknown {
  if (draft.cors === 'off') return null;
  return {
    origins: linesOf(draft.corsOrigins),
    ...given('methods', draft.corsMethods, listOf),
    ...given('headers', draft.corsHeaders, listOf),
    ...given('maxAgeSeconds', draft.corsMaxAgeSeconds, Number),
    ...(draft.corsCredentials ? { credentials: true } : {}),
  };
}

/** Fields of the wire, by the name that the form has for them. */
const authFields: Readonly<Record<string, keyof AccessDraft>> = {
  key: 'authKey',
  toleranceSeconds: 'authToleranceSeconds',
  issuer: 'jwtIssuer',
  audience: 'jwtAudience',
  algorithms: 'jwtAlgorithms',
  jwksUrl: 'jwksUrl',
  jwks: 'jwks',
  clockToleranceSeconds: 'jwtClockToleranceSeconds',
};
const corsFields: Readonly<Record<string, keyof AccessDraft>> = {
  origins: 'corsOrigins',
  methods: 'corsMethods',
  headers: 'corsHeaders',
  maxAgeSeconds: 'corsMaxAgeSeconds',
};

/** The field of the form for a field of `auth` or `cors`. */
export function accessKeyOf(part: 'auth' | 'cors', field: string): keyof AccessDraft {
  return part === 'auth' ? (authFields[field] ?? 'auth') : (corsFields[field] ?? 'corsOrigins');
}

function words(issue: z.core.$ZodIssue, value: unknown): string {
  const [, item] = issue.path;
  const subject = typeof item === 'number' && Array.isArray(value) ? `"${String(value[item])}": ` : '';
  if (issue.code === 'too_small' && issue.origin !== 'number') return 'Fill this in';
  if (issue.code === 'invalid_format' && issue.format === 'url') return 'An address that begins with https://';
  return subject + issue.message;
}

/** The first issue of each field. */
function errorsOf(
  schema: z.ZodType,
  input: unknown,
  fields: Readonly<Record<string, keyof AccessDraft>>,
  rest: keyof AccessDraft,
): AccessErrors {
  const errors: { -readonly [Key in keyof AccessErrors]: string } = {};
  for (const issue of schema.safeParse(input).error?.issues ?? []) {
    const name = String(issue.path[0] ?? '');
    const value = typeof input === 'object' && input !== null ? (input as Record<string, unknown>)[name] : undefined;
    errors[fields[name] ?? rest] ??= words(issue, value);
  }
  return errors;
}

/** What is wrong with each field, in the words of the schemas that the API checks with. `names` are the variables and secrets of the version. */
export function checkAccess(draft: AccessDraft, names: ReadonlySet<string>): AccessErrors {
  const cors = versionConfigSchema.shape.cors;
  const parsed = cors.safeParse(corsInput(draft)).data ?? null;
  const isOpen = parsed !== null && isOpenToEverySite(parsed);
  const errors = {
    ...errorsOf(cors, corsInput(draft), corsFields, 'corsOrigins'),
    ...(isOpen ? { corsOrigins: openToEverySite } : {}),
  };
  if (draft.auth === 'jwt') {
    const isJson = draft.jwtKeys === 'url' || jsonOf(draft.jwks) !== undefined;
    const wrong = errorsOf(jwtAuthSchema, authInput(draft), authFields, 'jwks');
    return { ...errors, ...wrong, ...(isJson ? {} : { jwks: 'JSON with the public keys: {"keys": [ … ]}' }) };
  }
  if (draft.auth !== 'signature') return errors;
  const wrong = errorsOf(signatureAuthSchema, authInput(draft), authFields, 'authKey');
  const isMissing = wrong.authKey === undefined && !names.has(draft.authKey.trim());
  return {
    ...errors,
    ...wrong,
    ...(isMissing ? { authKey: 'Neither a variable nor a secret of this version has this name' } : {}),
  };
}

/** What is sent of a checked draft. */
export function accessOf(draft: AccessDraft): Pick<VersionConfig, 'auth' | 'cors'> {
  const { auth, cors } = versionConfigSchema.shape;
  return { auth: auth.parse(authInput(draft)), cors: cors.parse(corsInput(draft)) };
}
