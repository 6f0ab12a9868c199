import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const profileSchema = z.object({ url: z.url(), token: z.string().min(1), project: z.string().optional() });
type StoredProfile = z.infer<typeof profileSchema>;
/** Where the platform is and who we are there. */
export interface Profile {
  readonly url: string;
  readonly token: string | undefined;
  /** Sent as `Hearth-Project`; undefined: that of the token. */
  readonly project: string | undefined;
  /** Nobody sits at the terminal: a job runs this. */
  readonly isCi: boolean;
}

const defaultUrl = 'http://127.0.0.1:3000';
export type Environment = Readonly<Record<string, string | undefined>>;

function profilePath(environment: Environment): string {
  return join(environment['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'hearth', 'config.json');
}

/** HEARTH_URL and HEARTH_TOKEN win over what `hearth login` stored; a token is never sent to another address than the one it was stored for. */
export function loadProfile(environment: Environment): Profile {
  const stored = readStored(environment);
  const url = (environment['HEARTH_URL'] ?? stored?.url ?? defaultUrl).replace(/\/+$/, '');
  const token = environment['HEARTH_TOKEN'] ?? (stored !== undefined && stored.url === url ? stored.token : undefined);
  const isStored = stored !== undefined && stored.url === url;
  const project = environment['HEARTH_PROJECT'] ?? (isStored ? stored.project : undefined);
  return { url, token, project, isCi: isCi(environment) };
}

/** Whether this runs in a job of a CI system: all of them set `CI`. */
export function isCi(environment: Environment): boolean {
  return !['', '0', 'false'].includes(environment['CI'] ?? '');
}

function readStored(environment: Environment): StoredProfile | undefined {
  try {
    return profileSchema.parse(JSON.parse(readFileSync(profilePath(environment), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Keeps the token for later commands, readable by this user only. Returns where. */
export function storeProfile(environment: Environment, profile: StoredProfile): string {
  const path = profilePath(environment);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${JSON.stringify(profile, null, 2)}\n`, { mode: 0o600 });
  chmodSync(path, 0o600);
  return path;
}

/** Keeps the project for later commands; undefined: that of the token again. False when nothing is stored to keep it with. */
export function storeProject(environment: Environment, project: string | undefined): boolean {
  const stored = readStored(environment);
  if (stored === undefined) return false;
  storeProfile(environment, { url: stored.url, token: stored.token, ...(project === undefined ? {} : { project }) });
  return true;
}

/** Forgets the token; true when there was one. */
export function removeProfile(environment: Environment): boolean {
  const existed = readStored(environment) !== undefined;
  rmSync(profilePath(environment), { force: true });
  return existed;
}
