import { execFile } from 'node:child_process';
import { chmod, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { PlatformError } from '../../shared/errors.ts';
import { syncPath } from '../util/durability.ts';
import { type KeyRing, keyText, newKey, parseKeys } from './key-ring.ts';

/** Where key-encryption keys come from. */
export interface KeySource {
  /** For people: the setting, or the path. Never a key. */
  readonly name: string;
  /** Undefined when there is none yet and one may be made. Rejects with `invalid_request`/`bad_secrets_key`. */
  load(): Promise<KeyRing | undefined>;
  /** The ring to turn to: with another key in front, and the old ones behind it. Rejects with `conflict` when this source cannot. */
  rotate(current: KeyRing): Promise<KeyRing>;
  /** Everything is wrapped with the first key now: forget the others, where this source can. */
  settle(current: KeyRing): Promise<void>;
}

export interface KeySettings {
  readonly key: string;
  readonly keyFile: string;
  readonly keyCommand: string;
  /** The file that the platform makes itself when none of the others is set. */
  readonly ownFile: string;
}

const commandTimeoutMs = 10_000;

/** Throws `invalid_request`/`bad_secrets_key` when more than one source is named. */
export function keySourceOf(settings: KeySettings): KeySource {
  const named = [settings.key, settings.keyFile, settings.keyCommand].filter((text) => text !== '');
  if (named.length > 1)
    throw unusable('HEARTH_SECRETS_KEY, HEARTH_SECRETS_KEY_FILE and HEARTH_SECRETS_KEY_COMMAND', 'set one of them');
  if (settings.key !== '') return new FixedKeySource(settings.key);
  if (settings.keyFile !== '')
    return new OutsideKeySource(`HEARTH_SECRETS_KEY_FILE (${settings.keyFile})`, () =>
      readFile(settings.keyFile, 'utf8'),
    );
  if (settings.keyCommand !== '')
    return new OutsideKeySource('HEARTH_SECRETS_KEY_COMMAND', () => runCommand(settings.keyCommand));
  return new OwnFileKeySource(settings.ownFile);
}

/** From the environment: another key needs another environment. */
class FixedKeySource implements KeySource {
  readonly name = 'HEARTH_SECRETS_KEY';
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  async load(): Promise<KeyRing> {
    return parseKeys(this.#text, this.name);
  }

  rotate(): Promise<KeyRing> {
    const message =
      'the key comes from HEARTH_SECRETS_KEY: start Hearth again with the new key in front of the old one, separated by a comma';
    return Promise.reject(new PlatformError('conflict', 'secrets_key_fixed', message));
  }

  settle = async (): Promise<void> => undefined;
}

/** A file or program of the operator: read again for a rotation, and never written. */
class OutsideKeySource implements KeySource {
  readonly name: string;
  readonly #read: () => Promise<string>;

  constructor(name: string, read: () => Promise<string>) {
    this.name = name;
    this.#read = read;
  }

  async load(): Promise<KeyRing> {
    let text: string;
    try {
      text = await this.#read();
    } catch (cause) {
      throw unusable(this.name, cause instanceof Error ? firstLine(cause.message) : 'it cannot be read');
    }
    return parseKeys(text, this.name);
  }

  async rotate(current: KeyRing): Promise<KeyRing> {
    const next = await this.load();
    if (next[0].id !== current[0].id) return next;
    const message = `${this.name} still gives the same key first; put the new one in front of it, then rotate again`;
    throw new PlatformError('conflict', 'secrets_key_unchanged', message);
  }

  settle = async (): Promise<void> => undefined;
}

/** The file in the data folder. */
class OwnFileKeySource implements KeySource {
  readonly name: string;

  constructor(path: string) {
    this.name = path;
  }

  async load(): Promise<KeyRing | undefined> {
    let text: string;
    try {
      text = await readFile(this.name, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw unusable(this.name, error instanceof Error ? error.message : 'it cannot be read');
    }
    // A copy made by hand may have come with other rights.
    await chmod(this.name, 0o600).catch(() => undefined);
    return parseKeys(text, this.name);
  }

  /** On disk before anything is wrapped with it. */
  async rotate(current: KeyRing): Promise<KeyRing> {
    const next: KeyRing = [newKey(), ...current];
    await this.settle(next);
    return next;
  }

  async settle(keys: KeyRing): Promise<void> {
    await writeWhole(this.name, `${keys.map(keyText).join('\n')}\n`);
  }
}

/** Whole or not at all, synced with its folder, readable by the owner alone. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncPath(dirname(path));
}

/** A program and its arguments, separated by spaces. Not a shell: no quotes, no variables. */
async function runCommand(command: string): Promise<string> {
  const [program = '', ...argv] = command.trim().split(/\s+/);
  const { stdout } = await promisify(execFile)(program, argv, { timeout: commandTimeoutMs, maxBuffer: 65_536 });
  return stdout;
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

function unusable(where: string, why: string): PlatformError {
  return new PlatformError(
    'invalid_request',
    'bad_secrets_key',
    `${where} cannot be used as the key of secrets: ${why}`,
  );
}
