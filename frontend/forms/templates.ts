import type { CreateFunction } from '../../shared/api/functions.ts';
import {
  asgiApp,
  asyncWorker,
  batchHandler,
  cronJob,
  csvStats,
  customRuntime,
  fetchApp,
  jsonApi,
  markdownPage,
  pythonHandler,
  streamingAnswer,
  wasmModule,
} from './template-sources.ts';

type Settings = Pick<CreateFunction, 'schedules' | 'retry' | 'timeoutMs' | 'batch' | 'concurrency'>;

export interface Template {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  readonly name: string;
  readonly runtime: 'nodejs' | 'python' | 'custom';
  readonly handler: string;
  readonly files: Readonly<Record<string, string>>;
  readonly settings: Settings;
  /** A first event for the test panel, as JSON text. */
  readonly event: string;
}

const empty: Settings = {};

/** Starting points for a new function; each one runs as it is. */
export const templates: readonly Template[] = [
  {
    id: 'json-api',
    title: 'HTTP JSON API',
    summary: 'TypeScript. Reads the query, answers JSON.',
    name: 'hello-api',
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.ts': jsonApi },
    settings: empty,
    event: '{\n  "queryStringParameters": { "name": "Ada" }\n}',
  },
  {
    id: 'fetch-app',
    title: 'Fetch app',
    summary: 'JavaScript. Request in, Response out, like a Worker.',
    name: 'fetch-app',
    runtime: 'nodejs',
    handler: 'index.default',
    files: { 'index.mjs': fetchApp },
    settings: empty,
    event: '{\n  "hello": "world"\n}',
  },
  {
    id: 'python-handler',
    title: 'Python handler',
    summary: 'A plain function: event in, dict out.',
    name: 'word-count',
    runtime: 'python',
    handler: 'main.handler',
    files: { 'main.py': pythonHandler },
    settings: empty,
    event: '{\n  "text": "to be or not to be"\n}',
  },
  {
    id: 'cron',
    title: 'Scheduled clean-up',
    summary: 'JavaScript. Runs every five minutes.',
    name: 'clean-up',
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.mjs': cronJob },
    settings: {
      schedules: [{ name: 'every-five-minutes', cron: '*/5 * * * *', timeZone: 'UTC', payload: { keepDays: 7 } }],
    },
    event: '{\n  "keepDays": 7\n}',
  },
  {
    id: 'async-worker',
    title: 'Async worker with retries',
    summary: 'JavaScript. Queued calls, five attempts, dead letters.',
    name: 'order-worker',
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.mjs': asyncWorker },
    settings: { retry: { maxAttempts: 5, maxAgeMs: 3_600_000, minBackoffMs: 1000, maxBackoffMs: 60_000 } },
    event: '{\n  "order": 1042,\n  "failUntilAttempt": 3\n}',
  },
  {
    id: 'markdown',
    title: 'Markdown to HTML',
    summary: 'TypeScript. POST text, get a page.',
    name: 'markdown',
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.ts': markdownPage },
    settings: empty,
    event: '{\n  "markdown": "# Hello\\n\\nThis is *Hearth*."\n}',
  },
  {
    id: 'csv',
    title: 'CSV statistics',
    summary: 'Python. Sums up the columns of a table.',
    name: 'csv-stats',
    runtime: 'python',
    handler: 'main.handler',
    files: { 'main.py': csvStats },
    settings: empty,
    event: '{\n  "csv": "city,sales\\nOslo,12\\nLima,30\\n"\n}',
  },
  {
    id: 'streaming',
    title: 'Streaming answer',
    summary: 'JavaScript. Lines leave as they are written.',
    name: 'countdown',
    runtime: 'nodejs',
    handler: 'index.default',
    files: { 'index.mjs': streamingAnswer },
    settings: empty,
    event: '{}',
  },
  {
    id: 'batch',
    title: 'Batch handler',
    summary: 'JavaScript. Calls that come together share the work.',
    name: 'prices',
    runtime: 'nodejs',
    handler: 'index.handleBatch',
    files: { 'index.mjs': batchHandler },
    settings: { batch: { maxSize: 16, windowMs: 10 }, concurrency: 16 },
    event: '{\n  "fruit": "apple"\n}',
  },
  {
    id: 'wasm',
    title: 'WebAssembly',
    summary: 'JavaScript. A compiled module, loaded once.',
    name: 'fibonacci',
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.mjs': wasmModule },
    settings: empty,
    event: '{\n  "n": 50\n}',
  },
  {
    id: 'python-asgi',
    title: 'Python ASGI app',
    summary: 'The interface of FastAPI, Starlette and Django.',
    name: 'asgi-app',
    runtime: 'python',
    handler: 'main.app',
    files: { 'main.py': asgiApp },
    settings: { concurrency: 10 },
    event: '{\n  "hello": "world"\n}',
  },
  {
    id: 'custom',
    title: 'Any language',
    summary: 'A shell script, or a program that you built.',
    name: 'any-language',
    runtime: 'custom',
    handler: 'bootstrap',
    files: { bootstrap: customRuntime },
    settings: empty,
    event: '{\n  "name": "Ada"\n}',
  },
];

const fallback = templates[0];

export function templateOf(id: string): Template {
  const found = templates.find((template) => template.id === id) ?? fallback;
  if (found === undefined) throw new Error('there is no template');
  return found;
}
