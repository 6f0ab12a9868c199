import { createHash } from 'node:crypto';
import type { FunctionId } from '../../../shared/ids.ts';
import type { ErrorGroupId } from '../../core/ports/error-groups.ts';

/** What is left of a message when its particulars are taken out: numbers, ids and addresses differ from call to call. */
export function shapeOfMessage(message: string): string {
  const [line = ''] = message.split('\n', 1);
  return line
    .slice(0, 300)
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '#')
    .replace(/\b[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}\b/g, '#')
    .replace(/\b(0x)?[0-9a-f]{8,}\b/gi, '#')
    .replace(/\d+/g, '#');
}

const nodeFrame = /^\s+at (?:async )?(?:(.+?) \()?((?:file:\/\/)?[^\s()]+?):\d+(?::\d+)?\)?$/;
const pythonFrame = /^\s+File "([^"]+)", line \d+, in (.+)$/;

/**
 * Where an error was thrown, as `function (file)`, from a stack of V8 or a traceback of Python. Without line numbers: a group
 * outlives the edits above it. Empty when the stack names no file of the function.
 */
export function topFrame(stack: string): string {
  let deepestPython = '';
  for (const line of stack.split('\n').slice(0, 200)) {
    const python = pythonFrame.exec(line);
    if (python?.[1] !== undefined && !isForeign(python[1])) deepestPython = `${python[2] ?? ''} (${python[1]})`;
    const node = nodeFrame.exec(line);
    if (node?.[2] !== undefined && !isForeign(node[2])) return `${node[1] ?? 'anonymous'} (${node[2]})`.slice(0, 200);
  }
  return deepestPython.slice(0, 200);
}

const isForeign = (file: string) => /^node:|^<|(^|\/)(node_modules|site-packages|lib\/python[\d.]+)\//.test(file);

export function errorGroupId(functionId: FunctionId, type: string, message: string, frame: string): ErrorGroupId {
  const parts = JSON.stringify([functionId, type, shapeOfMessage(message), frame]);
  return `err_${createHash('sha256').update(parts).digest('hex').slice(0, 24)}` as ErrorGroupId;
}
