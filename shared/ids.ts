/**
 * The words of Hearth, one per idea, used in code, API, CLI, dashboard and documents:
 *
 * function: named, mutable record. version: immutable number + bundle digest + configuration.
 * alias: name -> weighted versions. draft: code and configuration that are tried before they are deployed as a version.
 * build: how a version came about, or did not: its steps, its log, its end. qualifier: version, alias or draft in a call. runtime: language adapter.
 * handler: entry point in user code. bundle: uploaded code, content-addressed. invocation: one call, with attempts.
 * outcome: how it ended. trigger: route, schedule or queue that starts invocations. driver: isolation technology.
 * sandbox: isolated body made by a driver. instance: sandbox with a version loaded. lease: right to use an instance.
 * pool. cold, warm, restored start. provisioned: kept warm by configuration. pre-warmed: a sandbox with a runtime but
 * no version yet. concurrency: invocations in flight in one instance. batch. throttle. drain. dead letter.
 */

declare const brand: unique symbol;
/** A string that names one kind of thing; a function id cannot be passed where a version id is expected. */
export type Branded<Kind extends string> = string & { readonly [brand]: Kind };

export type FunctionId = Branded<'function'>;
export type VersionId = Branded<'version'>;
export type DraftId = Branded<'draft'>;
export type BuildId = Branded<'build'>;
export type InvocationId = Branded<'invocation'>;
export type SandboxId = Branded<'sandbox'>;
export type InstanceId = Branded<'instance'>;
export type RouteId = Branded<'route'>;
export type ScheduleId = Branded<'schedule'>;
export type TokenId = Branded<'token'>;
export type ProjectId = Branded<'project'>;
export type AlertRuleId = Branded<'alertRule'>;
export type AlertDeliveryId = Branded<'alertDelivery'>;
export type UserId = Branded<'user'>;
export type SessionId = Branded<'session'>;
/** Lower-case hex SHA-256 over a bundle's files (names, modes and contents, sorted by name). */
export type BundleDigest = Branded<'bundle-digest'>;

const prefixes = {
  function: 'fn',
  version: 'ver',
  draft: 'drf',
  build: 'bld',
  invocation: 'inv',
  sandbox: 'sbx',
  instance: 'ins',
  route: 'rte',
  schedule: 'sch',
  token: 'tok',
  project: 'prj',
  user: 'usr',
  session: 'ses',
  audit: 'aud',
  alertRule: 'alr',
  alertDelivery: 'ald',
} as const;
type IdKind = keyof typeof prefixes;

/** Crockford's base 32: no I, L, O, U, so ids can be read aloud. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const randomChars = 16;
const pool = new Uint8Array(randomChars * 256);
let poolOffset = pool.length;
let lastTime = -1;
let lastTimeText = '';

function timeText(now: number): string {
  if (now === lastTime) return lastTimeText;
  let text = '';
  let rest = now;
  for (let i = 0; i < 10; i++) {
    text = (alphabet[rest % 32] ?? '0') + text;
    rest = Math.floor(rest / 32);
  }
  lastTime = now;
  lastTimeText = text;
  return text;
}

/**
 * A new id `<prefix>_<10 chars of time><16 random chars>` (80 random bits), sortable by creation time to the
 * millisecond. Random bytes are drawn in blocks, so an id costs no system call on the hot path.
 */
export function newId<Kind extends IdKind>(kind: Kind, now = Date.now()): Branded<Kind> {
  if (poolOffset >= pool.length) {
    globalThis.crypto.getRandomValues(pool);
    poolOffset = 0;
  }
  let text = `${prefixes[kind]}_${timeText(now)}`;
  for (let i = 0; i < randomChars; i++) text += alphabet[(pool[poolOffset++] ?? 0) & 31];
  return text as Branded<Kind>;
}

/** What a function or alias may be called: a DNS label. The one pattern at every entry point. */
export const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** What an id of ours looks like; anything else cannot exist and need not be looked up. */
export const idPattern = /^[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}$/;
