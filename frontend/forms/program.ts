import { MiB } from '../../shared/limits.ts';

/** What the platform starts of a custom runtime. */
export const bootstrapName = 'bootstrap';

/** In base64 and with the rest of the request it stays under the 16 MiB that the API takes as JSON. */
export const maxProgramBytes = 11 * MiB;

/** An executable from somebody's disk. */
export interface Program {
  readonly fileName: string;
  readonly bytes: number;
  readonly base64: string;
}
