import { PlatformError } from '../../../shared/errors.ts';

/** `src/index.handler` -> file `src/index` (extension unknown), export `handler`. */
export interface HandlerReference {
  readonly file: string;
  readonly exportName: string;
}

export function parseHandler(handler: string): HandlerReference {
  const dot = handler.lastIndexOf('.');
  if (dot <= 0 || dot === handler.length - 1 || handler.slice(dot).includes('/')) {
    throw new PlatformError(
      'invalid_request',
      'handler_invalid',
      `the handler "${handler}" must be file.export, for example index.handler`,
      { issues: [{ path: 'handler', message: 'must be file.export, for example index.handler' }] },
    );
  }
  return { file: handler.slice(0, dot).replace(/^\.\//, ''), exportName: handler.slice(dot + 1) };
}
