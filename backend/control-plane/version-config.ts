import { numberConflicts } from '../../shared/config-conflicts.ts';
import { type ErrorIssue, PlatformError } from '../../shared/errors.ts';
import { eventSchemaIssues } from '../../shared/event-schema-check.ts';
import {
  defaultVersionConfig,
  type IsolationLevel,
  isOpenToEverySite,
  openToEverySite,
  type VersionConfig,
  type VersionConfigInput,
  versionConfigSchema,
} from '../../shared/version-config.ts';

type ConfigKey = keyof VersionConfig;
const configKeys = Object.keys(versionConfigSchema.shape) as ConfigKey[];

export interface ResolvedConfig {
  readonly config: VersionConfig;
  /** Fields that somebody chose, now or in the version before, rather than defaults. */
  readonly chosen: ReadonlySet<ConfigKey>;
}

/** Here and not in the schema of the configuration: a version that was stored must be readable whatever is supported later. */
function inputSchemaIssues({ inputSchema }: VersionConfig): readonly ErrorIssue[] {
  const issues = inputSchema === null ? [] : eventSchemaIssues(inputSchema);
  return issues.map(({ path, message }) => ({ path: path === '' ? 'inputSchema' : `inputSchema.${path}`, message }));
}

function crossFieldIssues(config: VersionConfig): readonly ErrorIssue[] {
  const issues: ErrorIssue[] = [...numberConflicts(config)];
  if ((config.image === null) !== (config.runtime !== 'image')) {
    const message =
      config.image === null ? 'must name an image for runtime "image"' : 'goes with runtime "image" alone';
    issues.push({ path: 'image', message });
  }
  if (config.image !== null && config.isolation !== 'docker') {
    issues.push({ path: 'isolation', message: 'must be "docker" for a version that is a container image' });
  }
  if (config.auth === null && config.rateLimits.some(({ by }) => by === 'caller')) {
    issues.push({ path: 'rateLimits', message: 'by caller needs auth: without it nobody knows who calls' });
  }
  if (config.cors !== null && isOpenToEverySite(config.cors)) {
    issues.push({ path: 'cors.origins', message: openToEverySite });
  }
  issues.push(...inputSchemaIssues(config));
  const both = config.secrets.find((name) => Object.hasOwn(config.env, name));
  if (both !== undefined) {
    issues.push({ path: 'secrets', message: `has ${both}, which env has too; leave it out of one of them` });
  }
  return issues;
}

/**
 * An image is a runtime of its own, which need not be said, and `image: null` takes it back; another runtime that is said leaves the image of the
 * version before behind.
 */
function runtimeOf(input: VersionConfigInput, previous: VersionConfig | undefined): VersionConfig['runtime'] {
  if (input.runtime !== undefined) return input.runtime;
  if (input.image !== undefined && input.image !== null) return 'image';
  const inherited = previous?.runtime ?? 'nodejs';
  return inherited === 'image' && input.image === null ? 'nodejs' : inherited;
}

/**
 * Whether a field of the version before says nothing about a version with another runtime: runtime, handler and image never do, and the isolation
 * of code does not say where an image shall run, which is `docker` alone.
 */
function belongsToRuntime(key: ConfigKey, runtime: VersionConfig['runtime']): boolean {
  return key === 'runtime' || key === 'handler' || key === 'image' || (key === 'isolation' && runtime === 'image');
}

/**
 * The whole configuration of a new version: what the caller said, else what the version before it has, else the default.
 * A change of runtime takes the handler's default again, and leaves an image behind; a change to an image takes its isolation. Throws `invalid_request`/`invalid_config` when fields contradict
 * each other.
 */
export function resolveConfig(
  input: VersionConfigInput,
  previous: VersionConfig | undefined,
  defaultIsolation: IsolationLevel,
): ResolvedConfig {
  const runtime = runtimeOf(input, previous);
  const defaults = defaultVersionConfig(runtime, runtime === 'image' ? 'docker' : defaultIsolation);
  const merged: Record<string, unknown> = { ...defaults };
  const chosen = new Set<ConfigKey>();
  for (const key of configKeys) {
    const isLeftBehind = previous?.runtime !== runtime && belongsToRuntime(key, runtime);
    const inherited = isLeftBehind ? undefined : previous?.[key];
    const value = input[key] ?? inherited;
    // Saying again what the version before has is no new choice: clients send back the whole configuration that they read.
    const isSaid = input[key] !== undefined && JSON.stringify(input[key]) !== JSON.stringify(inherited);
    if (input[key] === null) merged[key] = null;
    else if (value !== undefined) merged[key] = value;
    if (isSaid || JSON.stringify(merged[key]) !== JSON.stringify(defaults[key])) chosen.add(key);
  }
  const config = versionConfigSchema.parse(merged);
  const issues = crossFieldIssues(config);
  const [first] = issues;
  if (first !== undefined) {
    throw new PlatformError('invalid_request', 'invalid_config', `${first.path} ${first.message}`, { issues });
  }
  return { config, chosen };
}
