import { KiB } from './limits.ts';

/** An event is for trying out; larger payloads go with `hearth invoke --file`. */
export const testEventLimits = { maxBytes: 256 * KiB, maxNameChars: 60, maxPrivate: 20, maxShared: 50 } as const;

/** `event`: JSON. `request`: an HTTP request, as a message (shared/http-message.ts). */
export const testEventKinds = ['event', 'request'] as const;
export type TestEventKind = (typeof testEventKinds)[number];

/** `private`: only the user or token that saved it sees it. `shared`: everybody in the project. */
export const testEventVisibilities = ['private', 'shared'] as const;
export type TestEventVisibility = (typeof testEventVisibilities)[number];

/** Any script, but nothing that cannot be seen or that means something in a path. */
export const testEventNamePattern = /^[\p{L}\p{N}](?:[^\p{C}/\\]{0,58}[^\p{C}\p{Z}/\\])?$/u;
export const testEventNameRule =
  'a name has 1 to 60 characters, begins with a letter or digit, ends with no space and has no slash';
