import type { VersionSpec } from '../version.ts';
import type { SecretRecord } from './store.ts';

/** The values of the secrets that one version lists, for one instance of it. */
export interface OpenedSecrets {
  /** By name, for the environment inside. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Takes the values, and the usual encodings of them, out of a text that the function wrote. `isCut` says that the text stops before its
   * end: then the beginning of a value at its end goes too.
   */
  redact(text: string, isCut?: boolean): string;
}

/** What instances ask at their start. */
export interface SecretSource {
  /** Throws `unavailable`: `secret_missing` or `secret_unreadable`. */
  open(version: VersionSpec): OpenedSecrets;
}

/** One value, for parts of the platform that use a secret on behalf of a function: a registry's password, a header of the egress proxy. */
export interface SecretReader {
  /** Undefined when there is none of that name. Throws `unavailable`/`secret_unreadable`. Do not keep what it returns. */
  read(project: string, name: string): string | undefined;
}

/** What people may know of the key-encryption key. */
export interface SecretsKeyView {
  /** The setting or file that it comes from. */
  readonly source: string;
  readonly keyId: string;
  /** Secrets that are still wrapped with an earlier key. */
  readonly pending: number;
}

/** Seals secrets and holds them, sealed, in memory. */
export interface SecretKeeper {
  /** Of one project, by name. */
  list(project: string): readonly SecretRecord[];
  find(project: string, name: string): SecretRecord | undefined;
  /** Seals a value as the next version of a secret. Changes nothing: store the record, then `apply` it, with no rotation between. */
  seal(project: string, name: string, value: string, by: string, now: number): SecretRecord;
  /** The record is on disk. */
  apply(record: SecretRecord): void;
  /** The secret is gone from the disk. */
  forget(project: string, name: string): void;
  /** The project was deleted, and its secrets with it. */
  forgetProject(project: string): void;
  /**
   * Turns to another key-encryption key: new and changed secrets use it at once, the others are re-wrapped in the background;
   * meanwhile both keys open. Rejects with `conflict` when the source has no other key.
   */
  rotate(): Promise<SecretsKeyView>;
  view(): SecretsKeyView;
}
