const maxCauses = 4;
const kept = { type: 200, message: 8000, stack: 32_000 } as const;

export interface ErrorDescription {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
}

/** Where user code is and where the agent is: for stacks that show the one and hide the other. */
export interface StackPaths {
  readonly codeDirectory: string;
  readonly agentPath: string;
}

/** An error whose name is told to the caller as it is. */
export class NamedError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** Never throws, whatever was thrown: strings, undefined, proxies, errors with getters that throw. */
export function describeError(thrown: unknown, paths: StackPaths): ErrorDescription {
  try {
    return describe(thrown, paths);
  } catch {
    return { type: 'Error', message: 'something was thrown that cannot be read', stack: '' };
  }
}

function describe(thrown: unknown, paths: StackPaths): ErrorDescription {
  if (!isErrorLike(thrown)) {
    const type = thrown === null ? 'null' : typeof thrown;
    return { type, message: inspect(thrown).slice(0, kept.message), stack: '' };
  }
  const type = nameOf(thrown).slice(0, kept.type);
  const message = String(thrown.message ?? '').slice(0, kept.message);
  return { type, message, stack: stackOf(thrown, paths).slice(0, kept.stack) };
}

interface ErrorLike {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly stack?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

function isErrorLike(value: unknown): value is ErrorLike {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof Error || (typeof (value as ErrorLike).stack === 'string' && 'message' in value);
}

function nameOf(error: ErrorLike): string {
  const own = typeof error.name === 'string' && error.name !== '' ? error.name : 'Error';
  if (own !== 'Error') return own;
  const constructed = (error as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof constructed === 'string' && constructed !== '' && constructed !== 'Object' ? constructed : own;
}

function stackOf(error: ErrorLike, paths: StackPaths): string {
  let text = cleanStack(
    typeof error.stack === 'string' ? error.stack : `${nameOf(error)}: ${String(error.message)}`,
    paths,
  );
  let cause: unknown = error.cause;
  for (let i = 0; i < maxCauses && cause !== undefined; i++) {
    const inner: ErrorLike | undefined = isErrorLike(cause) ? cause : undefined;
    text += `\n[cause]: ${inner === undefined ? inspect(cause) : cleanStack(String(inner.stack), paths)}`;
    cause = inner?.cause;
  }
  if (Array.isArray(error.errors)) {
    for (const inner of error.errors.slice(0, maxCauses)) {
      text += `\n[errors]: ${isErrorLike(inner) ? cleanStack(String(inner.stack), paths) : inspect(inner)}`;
    }
  }
  return text;
}

/** User frames with paths relative to the code directory; frames of the agent and of Node's inside are left out. */
function cleanStack(stack: string, paths: StackPaths): string {
  const { codeDirectory, agentPath } = paths;
  const lines = stack.split('\n').filter((line) => {
    if (!line.startsWith('    at ')) return true;
    return !line.includes(agentPath) && !line.includes('node:internal/') && !line.includes('node:async_hooks');
  });
  return lines.join('\n').replaceAll(`file://${codeDirectory}/`, '').replaceAll(`${codeDirectory}/`, '');
}

function inspect(value: unknown): string {
  if (typeof value === 'string') return value;
  return process.getBuiltinModule('node:util').inspect(value, { depth: 3, breakLength: 120 });
}
