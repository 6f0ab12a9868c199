/** What a hostile or broken function does, and what exactly must come of it. Numbers as in docs/threat-model.md. */
export interface HostileRow {
  readonly row: string;
  readonly title: string;
  readonly runtime: 'nodejs' | 'python';
  /** Body of the handler; `event` is its argument, `calls` how often the instance was called. Module code may stand in `before`. */
  readonly body: string;
  readonly before?: string;
  /** The whole module instead, of a function that never comes to a call. */
  readonly module?: string;
  readonly config?: RowConfig;
  /** It starts others, which not every level lets it. */
  readonly needsChildren?: boolean;
  /** What it leaves behind would disturb other rows: it is played by a function of its own. */
  readonly isAlone?: boolean;
  /** What becomes of the sandbox, where the outcomes do not say: it is kept after answers and errors, and replaced after everything else. */
  readonly fate?: Fate;
  /** Any of these outcomes is right; most rows have one. */
  readonly outcomes: readonly Outcome[];
  /** The right ones in a unikernel instead, which has one process, a serial port for a console, and of `/proc` next to nothing. */
  readonly inUnikernel?: readonly Outcome[];
}
type RowConfig = Readonly<Record<string, unknown>> & { readonly timeoutMs?: number };
export type Fate = 'kept' | 'replaced' | 'either';
export interface Outcome {
  readonly status: number;
  /** Of the problem document. */
  readonly code?: string;
  /** Part of the body of a good answer. */
  readonly body?: Readonly<Record<string, unknown>> | null;
  /** Of the problem document's `detail`. */
  readonly detail?: RegExp;
  /** Of the problem document's `error.stack`. */
  readonly stack?: RegExp;
  /** Each stands in a line of the call's log. */
  readonly logs?: readonly string[];
}

export const ok = (body: Readonly<Record<string, unknown>> | null = {}, more: Partial<Outcome> = {}): Outcome => ({
  status: 200,
  body,
  ...more,
});
export const timeout: Outcome = { status: 504, code: 'function_timeout' };
export const threw = (detail: RegExp, stack?: RegExp): Outcome => ({
  status: 502,
  code: 'function_error',
  detail,
  ...(stack === undefined ? {} : { stack }),
});
/** `how` it ended is in the error. */
export const exited = (how: RegExp): Outcome => ({ status: 502, code: 'function_exited', detail: how });
export const outOfMemory: Outcome = { status: 502, code: 'out_of_memory', detail: /used more than \d+ MB/ };
export const brokeProtocol = (detail: RegExp): Outcome => ({ status: 503, code: 'protocol_violation', detail });

/** Calls find an instance that is there already, so nothing but the row itself takes time. */
export const brief = { timeoutMs: 500 } as const;

type More = Partial<Omit<HostileRow, 'row' | 'title' | 'runtime' | 'body' | 'outcomes'>>;
const rowOf =
  (runtime: HostileRow['runtime']) =>
  (row: string, title: string, body: string, outcomes: readonly Outcome[], more: More = {}): HostileRow => ({
    row,
    title,
    runtime,
    body,
    outcomes,
    ...more,
  });
export const node = rowOf('nodejs');
export const python = rowOf('python');

/** Whether the instance that played a row answers the next call too. */
export function fateOf({ fate, outcomes }: HostileRow): Fate {
  if (fate !== undefined) return fate;
  const keeping = outcomes.filter(({ status, code }) => status < 300 || code === undefined || keepsInstance.has(code));
  if (keeping.length === 0) return 'replaced';
  return keeping.length === outcomes.length ? 'kept' : 'either';
}
const keepsInstance = new Set(['function_error', 'bad_response', 'response_too_large']);

/** A function and the rows that it plays, one after the other. */
export interface RowGroup {
  readonly name: string;
  readonly runtime: HostileRow['runtime'];
  readonly config: RowConfig;
  readonly rows: readonly PlacedRow[];
}
/** `key` names the row to its function. */
type PlacedRow = HostileRow & { readonly key: string };

/** Rows that may share a function do: a start costs seconds where guests are emulated. */
export function groupsOf(rows: readonly HostileRow[]): readonly RowGroup[] {
  const groups = new Map<string, PlacedRow[]>();
  for (const [i, row] of rows.entries()) {
    const alone = row.isAlone === true || row.module !== undefined ? i : '';
    const shared = `${row.runtime} ${JSON.stringify(row.config ?? {})} ${alone}`;
    groups.set(shared, [...(groups.get(shared) ?? []), { ...row, key: `row_${row.row.toLowerCase()}_${i}` }]);
  }
  return [...groups.values()].map((group, i) => ({
    name: `rows-${i}`,
    runtime: group[0]?.runtime ?? 'nodejs',
    config: group[0]?.config ?? {},
    rows: group,
  }));
}

/**
 * The files of a function that plays rows; called with `{ row: key }`. Called with `{ calm: true }` it does nothing wrong, and says which
 * instance it is. On a host that shows the processes of its sandboxes, the one that does it is called `mark`.
 */
export function filesOf({ runtime, rows }: RowGroup, mark: string): Readonly<Record<string, string>> {
  const module = rows.find((row) => row.module !== undefined)?.module;
  if (runtime === 'nodejs') {
    const index = `import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
try { writeFileSync('/proc/self/comm', '${mark}'); } catch {}
let calls = 0;
let instance;
export async function handler(event) {
  calls++;
  // Not before the first call: what is made earlier is the same in all copies of a snapshot.
  instance ??= randomUUID();
  if (event?.calm) return { calm: true, instance };
  const { play } = await import('./' + event.row + '.mjs');
  return await play(event, calls);
}
`;
    const played = rows.map(({ key, before = '', body }) => [
      `${key}.mjs`,
      `${before}\nexport async function play(event, calls) {\n  ${body}\n}\n`,
    ]);
    return { 'index.mjs': module ?? index, ...Object.fromEntries(played) };
  }
  const main = `import importlib, uuid
try:
  with open('/proc/self/comm', 'w') as comm: comm.write('${mark}')
except OSError: pass
calls = 0
instance = None
def handler(event, context):
  global calls, instance
  calls += 1
  instance = instance or str(uuid.uuid4())
  if event.get('calm'): return {'calm': True, 'instance': instance}
  return importlib.import_module(event['row']).play(event, calls)
`;
  const played = rows.map(({ key, before = '', body }) => [
    `${key}.py`,
    `${before}\ndef play(event, calls):\n  ${body.trimStart()}\n`,
  ]);
  return { 'main.py': module ?? main, ...Object.fromEntries(played) };
}
