import { NamedError } from './errors.ts';

/** In this order; what a builder compiled comes before its source. */
const extensions = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'] as const;
const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export type EventHandler = (event: unknown, context: unknown, callback?: unknown) => unknown;
export type BatchHandler = (events: readonly unknown[], context: unknown) => unknown;
type FetchHandler = (request: Request, env: unknown, context: unknown) => unknown;

/** What a module offers. At least one of the three is there. */
export interface LoadedFunction {
  readonly handler: EventHandler | undefined;
  readonly handleBatch: BatchHandler | undefined;
  readonly fetch: FetchHandler | undefined;
  readonly init: (() => unknown) | undefined;
}

type Exports = Readonly<Record<string, unknown>>;

/** `dir/file.export` as AWS Lambda reads it: the file's name ends at its first dot, what follows may be nested. */
function splitHandler(handler: string): { readonly file: string; readonly exportPath: readonly string[] } {
  const slash = handler.lastIndexOf('/') + 1;
  const dot = handler.indexOf('.', slash);
  if (dot <= slash || dot === handler.length - 1)
    throw new NamedError(
      'InvalidHandler',
      `the handler ${handler} is not of the form file.export, for example index.handler`,
    );
  return { file: handler.slice(0, dot), exportPath: handler.slice(dot + 1).split('.') };
}

export function findFile(directory: string, file: string): string {
  const fs = process.getBuiltinModule('node:fs');
  const path = process.getBuiltinModule('node:path');
  for (const extension of extensions) {
    const candidate = path.join(directory, file + extension);
    if (fs.existsSync(candidate)) return candidate;
  }
  const names = extensions.map((extension) => file + extension).join(', ');
  throw new NamedError('HandlerNotFound', `there is no file for the handler: none of ${names} is in the bundle`);
}

/** Imports the module and finds the handler in it. Errors say what is missing and what is there. */
export async function loadFunction(directory: string, handler: string): Promise<LoadedFunction> {
  const { file, exportPath } = splitHandler(handler);
  const filename = findFile(directory, file);
  process.argv = [process.argv[0] ?? 'node', filename];
  const module = (await importFile(filename)) as Exports;
  return readExports(module, exportPath, filename.slice(directory.length + 1));
}

/**
 * By require where that gives the same: it reads files where it stands, while import waits for threads of Node's pool at every step. Modules that
 * await at their top can only be imported; nothing of them has run when require finds out.
 */
async function importFile(filename: string): Promise<unknown> {
  if (/\.c[jt]s$/.test(filename) || (requiresModules && /\.m[jt]s$/.test(filename))) {
    try {
      return process.getBuiltinModule('node:module').createRequire(filename)(filename);
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    }
  }
  return import(process.getBuiltinModule('node:url').pathToFileURL(filename).href);
}

/** Of Node 22.12 and later: require loads ES modules. */
const requiresModules = (process.features as { require_module?: boolean }).require_module === true;

/** Finds out which styles a module's exports offer. */
function readExports(module: Exports, exportPath: readonly string[], name: string): LoadedFunction {
  const byDefault = member(module, 'default');
  const named = nested(module, exportPath) ?? nested(byDefault, exportPath);
  const found = (key: string) => asFunction(member(module, key) ?? member(byDefault, key));
  const handleBatch = found('handleBatch') as BatchHandler | undefined;
  const initFunction = found('init');
  const common = { handleBatch, init: exportPath.join('.') === 'init' ? undefined : (initFunction as () => unknown) };
  // A handler setting of `index.handleBatch` says that single calls are batches of one, too.
  if (handleBatch !== undefined && named === handleBatch) return { ...common, handler: undefined, fetch: undefined };
  const namedFetch = fetchOf(named);
  if (namedFetch !== undefined) return { ...common, handler: undefined, fetch: namedFetch };
  if (typeof named === 'function') return { ...common, handler: named as EventHandler, fetch: undefined };
  if (named !== undefined)
    throw new NamedError(
      'InvalidHandler',
      `${exportPath.join('.')} of module ${name} is a ${typeof named}; it must be a function`,
    );
  const fetch =
    fetchOf(byDefault) ?? fetchOf(module) ?? methodsOf(module) ?? methodsOf(byDefault) ?? asFunction(byDefault);
  if (fetch !== undefined) return { ...common, handler: undefined, fetch: fetch as FetchHandler };
  if (handleBatch !== undefined) return { ...common, handler: undefined, fetch: undefined };
  throw new NamedError('HandlerNotFound', missing(module, byDefault, exportPath.join('.'), name));
}

function missing(module: Exports, byDefault: unknown, exportName: string, name: string): string {
  const keys = new Set(Object.keys(module));
  if (typeof byDefault === 'object' && byDefault !== null) for (const key of Object.keys(byDefault)) keys.add(key);
  keys.delete('default');
  keys.delete('module.exports');
  const there = keys.size === 0 ? 'it exports nothing' : `it exports ${[...keys].sort().slice(0, 20).join(', ')}`;
  return `module ${name} has no export ${exportName}; ${there}`;
}

function member(holder: unknown, key: string): unknown {
  if ((typeof holder !== 'object' && typeof holder !== 'function') || holder === null) return undefined;
  return key in holder ? (holder as Exports)[key] : undefined;
}

function nested(holder: unknown, path: readonly string[]): unknown {
  return path.reduce(member, holder);
}

function asFunction(value: unknown): ((...args: never[]) => unknown) | undefined {
  return typeof value === 'function' ? (value as (...args: never[]) => unknown) : undefined;
}

function fetchOf(holder: unknown): FetchHandler | undefined {
  if (typeof holder !== 'object' || holder === null) return undefined;
  const fetch = member(holder, 'fetch');
  return typeof fetch === 'function' ? (fetch.bind(holder) as FetchHandler) : undefined;
}

/** Exports named after HTTP methods; HEAD falls back to GET, others are answered with 405. */
function methodsOf(holder: unknown): FetchHandler | undefined {
  const methods = httpMethods.filter((method) => typeof member(holder, method) === 'function');
  if (methods.length === 0) return undefined;
  return (request, env, context) => {
    const isHead = request.method === 'HEAD' && member(holder, 'HEAD') === undefined;
    const method = isHead ? 'GET' : request.method;
    if (!(methods as readonly string[]).includes(method))
      return new Response('Method Not Allowed', { status: 405, headers: { allow: methods.join(', ') } });
    return ((holder as Exports)[method] as FetchHandler)(request, env, context);
  };
}
