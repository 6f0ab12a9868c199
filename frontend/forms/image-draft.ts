import type { CreateFunction } from '../../shared/api/functions.ts';
import type { ContainerImageConfig } from '../../shared/version-config.ts';

type ImageInput = NonNullable<CreateFunction['image']>;

/** A container image as the form holds it: the port is text until it is sent, and what is left out is empty. */
export interface ImageDraft {
  readonly reference: string;
  readonly protocol: ContainerImageConfig['protocol'];
  readonly port: string;
  /** Empty: ready when the port takes connections. */
  readonly readinessPath: string;
  readonly pull: ContainerImageConfig['pull'];
  /** The name of a secret; empty: the registry asks for none, or the daemon is logged in. */
  readonly pullSecret: string;
}

export type ImageErrors = Partial<Record<keyof ImageDraft, string>>;

export const emptyImage: ImageDraft = {
  reference: '',
  protocol: 'http',
  port: '8080',
  readinessPath: '',
  pull: 'missing',
  pullSecret: '',
};

export function imageDraftOf(image: ContainerImageConfig): ImageDraft {
  const { reference, protocol, pull } = image;
  return {
    reference,
    protocol,
    pull,
    port: String(image.port),
    readinessPath: image.readinessPath ?? '',
    pullSecret: image.pullSecret ?? '',
  };
}

/** What the platform would refuse, said before it is asked; it knows more of names than this. */
export function checkImage(draft: ImageDraft): ImageErrors {
  const errors: ImageErrors = {};
  if (!/^[\w][\w.:/@-]{0,511}$/.test(draft.reference.trim()))
    errors.reference = 'The name of an image, such as registry.example.com/team/app:1.2';
  if (draft.protocol !== 'http') return errors;
  const port = Number(draft.port);
  if (!Number.isInteger(port) || port < 1024 || port > 65_535) errors.port = 'A whole number from 1024 to 65535';
  if (draft.readinessPath !== '' && !/^\/[\x21-\x7e]{0,511}$/.test(draft.readinessPath))
    errors.readinessPath = 'A path such as /healthz';
  return errors;
}

/** What is sent of a checked image. Port and readiness belong to programs that listen. */
export function imageOf(draft: ImageDraft): ImageInput {
  const { protocol, pull } = draft;
  return {
    reference: draft.reference.trim(),
    protocol,
    pull,
    ...(protocol === 'http'
      ? { port: Number(draft.port), readinessPath: draft.readinessPath === '' ? null : draft.readinessPath }
      : {}),
    pullSecret: draft.pullSecret === '' ? null : draft.pullSecret,
  };
}
