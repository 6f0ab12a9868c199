import { PlatformError } from '../../shared/errors.ts';

/** A stored JSON text. What cannot be read was not written by us: the file is damaged or was edited. */
export function fromJson<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new PlatformError(
      'unavailable',
      'storage_corrupt',
      'The database holds a damaged value; restore a backup (docs/backup.md).',
      {
        cause,
      },
    );
  }
}

export function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

export function fromJsonOrNull<T>(text: string | null): T | undefined {
  return text === null ? undefined : fromJson<T>(text);
}

/** The same bytes as a Buffer, without a copy. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
