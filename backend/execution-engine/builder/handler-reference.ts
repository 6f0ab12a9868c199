import { PlatformError } from '../../../shared/errors.ts';
import type { RuntimeName } from '../../../shared/version-config.ts';

/** `src/index.handler` -> file `src/index` (extension unknown), export `handler`. */
export interface HandlerReference {
  readonly file: string;
  readonly exportName: string;
}

/** In Node the export may be nested (`index.api.get`), in Python the module may (`pkg.main.handler`). With `custom` it is the program's own matter. */
export function parseHandler(handler: string, runtime: RuntimeName): HandlerReference {
  if (runtime === 'custom') return { file: 'bootstrap', exportName: handler };
  const slash = handler.lastIndexOf('/') + 1;
  const dot = runtime === 'python' ? handler.lastIndexOf('.') : handler.indexOf('.', slash);
  if (dot <= slash || dot === handler.length - 1) {
    throw new PlatformError(
      'invalid_request',
      'handler_invalid',
      `the handler "${handler}" must be file.export, for example index.handler`,
      { issues: [{ path: 'handler', message: 'must be file.export, for example index.handler' }] },
    );
  }
  const file = handler.slice(0, dot).replace(/^\.\//, '');
  // Builds read and write beside this path, with the platform's own rights.
  if (file.startsWith('/') || file.split('/').includes('..')) {
    const message = 'must name a file inside the bundle: no leading / and no ..';
    throw new PlatformError('invalid_request', 'handler_invalid', `the handler "${handler}" ${message}`, {
      issues: [{ path: 'handler', message }],
    });
  }
  return { file: runtime === 'python' ? file.replaceAll('.', '/') : file, exportName: handler.slice(dot + 1) };
}
