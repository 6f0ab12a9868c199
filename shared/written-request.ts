import { headerObstacle } from './request-headers.ts';

/** A request to a function as somebody wrote it, without its body. */
export interface WrittenHead {
  readonly method: string;
  /** With its query; below the function where that has no routes. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export const methodPattern = /^[A-Z]{1,32}$/;
export const targetPattern = /^\/[\x21-\x7e]*$/;
export const maxTargetChars = 16_384;
export const headerNamePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
export const headerValuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;
export const maxHeaders = 200;

/** A path as it travels: what a URL cannot hold is percent-encoded, what is encoded already stays. */
export const targetOf = (path: string): string =>
  path
    .toWellFormed()
    .replaceAll(/[^\x21-\x7e]+/gu, encodeURIComponent)
    .replace(/#.*$/, '');

/** Why the platform would not take this request, with what to do, or undefined. */
export function requestObstacle({ method, path, headers }: WrittenHead): string | undefined {
  if (!methodPattern.test(method)) return 'The method is one word in capitals, such as GET';
  const target = targetOf(path);
  if (!targetPattern.test(target)) return 'The path begins with /';
  if (target.length > maxTargetChars) return `The path is longer than ${maxTargetChars} characters`;
  if (headers.length > maxHeaders) return `There are more than ${maxHeaders} headers`;
  for (const [name, value] of headers) {
    if (name === '') return 'A header has no name';
    if (!headerNamePattern.test(name)) return `${name} is no name of a header: letters, digits and hyphens`;
    if (!headerValuePattern.test(value)) return `The value of ${name} has characters that no header can hold`;
    const obstacle = headerObstacle(name);
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}

/** The first line of the message that the request is (shared/http-message.ts); the body follows as it is. */
export const headLine = ({ method, path, headers }: WrittenHead): string =>
  `${JSON.stringify({ method, target: targetOf(path), headers })}\n`;
