import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../shared/errors.ts';
import { newId } from '../../shared/ids.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { TokenRecord, TokenStore } from '../core/ports/store.ts';
import { hashSecret, newSecret } from './tokens.ts';

export interface EnsureAdminTokenOptions {
  readonly store: { readonly tokens: TokenStore };
  /** The secret goes to `<dataDirectory>/admin-token`. */
  readonly dataDirectory: string;
  /** From HEARTH_ADMIN_TOKEN; undefined or empty: none. */
  readonly configuredToken: string | undefined;
  readonly clock: Clock;
}

export interface AdminToken {
  /** `configured`: from the settings. `generated`: made now. `file`: from the file of an earlier start. `other`: admins have tokens of their own. */
  readonly source: 'configured' | 'generated' | 'file' | 'other';
  /** Where the secret is, for the first message of a start; undefined for `configured` and `other`. */
  readonly path: string | undefined;
}

const configuredName = 'HEARTH_ADMIN_TOKEN';
const generatedName = 'admin (first start)';

/**
 * Makes sure that somebody can administer this installation. A configured token is the only one of its name: changing the
 * setting revokes the old one. Otherwise the first start generates a token and writes it, readable by the owner alone.
 * Rejects with `invalid_request`/`bad_admin_token` when the configured token is too short to be safe.
 */
export async function ensureAdminToken(options: EnsureAdminTokenOptions): Promise<AdminToken> {
  const { store, dataDirectory, configuredToken, clock } = options;
  const known = await store.tokens.all();
  if (configuredToken) {
    await adoptConfigured(store.tokens, known, configuredToken, clock.now());
    return { source: 'configured', path: undefined };
  }
  for (const token of known) if (token.name === configuredName) await store.tokens.remove(token.id);
  const path = join(dataDirectory, 'admin-token');
  const written = await readIfThere(path);
  if (written !== undefined) {
    if (!known.some((token) => token.hash === hashSecret(written))) {
      await store.tokens.create(adminRecord(generatedName, written, clock.now()));
    }
    return { source: 'file', path };
  }
  const hasAdmin = known.some((token) => token.scope === 'admin' && token.name !== configuredName && isForEver(token));
  if (hasAdmin) return { source: 'other', path: undefined };
  const secret = newSecret();
  await writePrivately(dataDirectory, path, `${secret}\n`);
  await store.tokens.create(adminRecord(generatedName, secret, clock.now()));
  return { source: 'generated', path };
}

const isForEver = (token: TokenRecord) => token.expiresAt === undefined;

async function adoptConfigured(
  tokens: TokenStore,
  known: readonly TokenRecord[],
  secret: string,
  now: number,
): Promise<void> {
  if (secret.length < 20 || /[^\x21-\x7e]/.test(secret)) {
    throw new PlatformError(
      'invalid_request',
      'bad_admin_token',
      `${configuredName} must have at least 20 visible ASCII characters; \`openssl rand -hex 32\` makes a good one`,
    );
  }
  const hash = hashSecret(secret);
  for (const token of known) {
    if (token.name === configuredName && token.hash !== hash) await tokens.remove(token.id);
  }
  if (!known.some((token) => token.hash === hash)) await tokens.create(adminRecord(configuredName, secret, now));
}

function adminRecord(name: string, secret: string, now: number): TokenRecord {
  return {
    id: newId('token'),
    name,
    scope: 'admin',
    hash: hashSecret(secret),
    createdAt: now,
    expiresAt: undefined,
    lastUsedAt: undefined,
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return text === '' ? undefined : text;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new PlatformError('internal', 'admin_token_unreadable', `cannot read ${path}`, { cause: error });
  }
}

/** Whole or not at all, and never readable by others, not even for a moment. */
async function writePrivately(directory: string, path: string, text: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
