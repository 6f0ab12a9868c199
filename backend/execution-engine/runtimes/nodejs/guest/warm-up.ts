import { Call, type CallEnvironment } from './call.ts';
import { runCall } from './invoke.ts';
import { loadFunction } from './loader.ts';
import type { LogCapture } from './logs.ts';
import type { HttpMeta, InitMessage } from './messages.ts';
import { cancelTimer, later, startTimer } from './originals.ts';
import { FrameWriter, noBytes } from './wire.ts';

/** An INIT that is due comes sooner than this; an agent that waits longer was started ahead and has time. */
const idleMs = 25;

/** As often until V8 has compiled what every call runs through; a millisecond or two. */
const rehearsals = 20;

/** Importing anything at all sets up the loader of ES modules. */
const emptyModule: string = 'data:text/javascript,0';

/** Loads Node's fetch classes, which takes tens of milliseconds; better before READY than in the first call. */
export function warmUpFetch(): void {
  void new Request('http://localhost/', { method: 'POST', body: 'x' }).body;
  void new Response('x').body;
}

/** Stacks in the words of what the user wrote. Packages are left out: their maps are large and rarely wanted. */
export function enableSourceMaps(): void {
  const { setSourceMapsSupport } = process.getBuiltinModule('node:module');
  if (setSourceMapsSupport === undefined) process.setSourceMapsEnabled(true);
  else setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
}

/** Calls that go nowhere, so that the first real one does not wait for the compiler. */
async function rehearse(logs: LogCapture): Promise<void> {
  const init: InitMessage = {
    functionName: 'rehearsal',
    functionVersion: 0,
    handler: 'index.handler',
    codeDirectory: '/',
    env: {},
    memoryLimitMb: 0,
    concurrency: 1,
    initTimeoutMs: 0,
    maxResponseBytes: 1024,
    logLimitBytes: 0,
    logLineBytes: 0,
  };
  const env: CallEnvironment = {
    channel: { writer: new FrameWriter(), flush: () => undefined },
    logs,
    init,
    paths: { codeDirectory: '/', agentPath: '/' },
    ended: () => undefined,
  };
  const traceparent = `00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-00`;
  const common = { invocationId: 'rehearsal', deadlineMs: 0, attempt: 1, trigger: 'api', depth: 0, traceparent };
  const http: HttpMeta = {
    ...common,
    kind: 'http',
    method: 'GET',
    target: '/?a=b',
    headers: ['accept', '*/*'],
    clientAddress: '',
    scheme: 'http',
    host: 'localhost',
    params: {},
  };
  const handler = () => ({ statusCode: 200, body: 'x' });
  const loaded = { handler, handleBatch: undefined, fetch: undefined, init: undefined };
  for (let i = 0; i < rehearsals; i++) {
    await runCall(loaded, init, new Call(env, 1, { ...common, kind: 'event' }, noBytes, true));
    await runCall(loaded, init, new Call(env, 2, http, noBytes, true));
  }
}

/** Two modules loaded as a version's are, so that the first real one finds the loaders of Node ready. They are gone afterwards. */
async function rehearseLoading(): Promise<void> {
  const fs = process.getBuiltinModule('node:fs');
  const path = process.getBuiltinModule('node:path');
  const { createRequire } = process.getBuiltinModule('node:module');
  const { argv } = process;
  const folder = fs.mkdtempSync(path.join(process.env['TMPDIR'] ?? '/tmp', 'hearth-'));
  try {
    fs.writeFileSync(path.join(folder, 'module.mjs'), 'export async function handler() {}');
    await loadFunction(folder, 'module.handler');
    fs.writeFileSync(path.join(folder, 'common.js'), 'exports.handler = async () => {};');
    await loadFunction(folder, 'common.handler');
  } finally {
    process.argv = argv;
    fs.rmSync(folder, { recursive: true, force: true });
    const { cache } = createRequire('/');
    for (const file of Object.keys(cache)) if (file.startsWith(folder)) delete cache[file];
  }
}

/**
 * What an agent that was started ahead of any version does while it waits: loads the parts of Node that functions need, one per
 * turn of the event loop. Returns the function that ends it.
 */
export function warmUpWhileIdle(logs: LogCapture): () => void {
  const steps: (() => unknown)[] = [
    () => process.getBuiltinModule('node:util').inspect({ a: [1, 'b'] }),
    () => process.getBuiltinModule('node:module').createRequire('/'),
    () => import(emptyModule),
    () => rehearse(logs),
    enableSourceMaps,
    rehearseLoading,
    warmUpFetch,
  ];
  let isOver = false;
  const next = () => {
    const step = isOver ? undefined : steps.shift();
    if (step === undefined) return;
    Promise.resolve(step()).then(
      () => later(next),
      () => later(next),
    );
  };
  const timer = startTimer(next, idleMs);
  timer.unref();
  return () => {
    isOver = true;
    cancelTimer(timer);
  };
}
