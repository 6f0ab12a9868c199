import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startPlatform } from '../tests/support/platform.ts';
import { startBareEcho } from './support/bare-echo.ts';
import { deploy, echoSource, oneKilobyte } from './support/functions.ts';
import { median, type Row, row, withSpread } from './support/numbers.ts';
import { freePort, startServer, stopServer } from './support/processes.ts';
import { progress } from './support/progress.ts';
import { type LoadResult, load } from './support/wrk.ts';

const rounds = 5;
const seconds = 4;

/** Warm synchronous call, 1 KB JSON echo through the gateway and a sandboxed process, against bare node:http, workerd and functions-framework, interleaved. */
export async function warmEcho(): Promise<readonly Row[]> {
  const workerdPort = await freePort();
  const frameworkPort = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'hearth-workerd-'));
  copyFileSync(join(import.meta.dirname, 'baselines/workerd-echo.js'), join(folder, 'worker.js'));
  writeFileSync(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2025-01-01"))],
  sockets = [(name = "http", address = "127.0.0.1:${workerdPort}", http = (), service = "main")]
);`,
  );
  const platform = await startPlatform();
  const bare = await startBareEcho();
  // The program itself: workerd/bin/workerd is a script that would leave it running when it is killed.
  const fromWorkerd = createRequire(createRequire(import.meta.url).resolve('workerd/package.json'));
  const workerdBinary = fromWorkerd.resolve(
    `@cloudflare/workerd-linux-${process.arch === 'x64' ? '64' : process.arch}/bin/workerd`,
  );
  const workerd = await startServer(
    workerdBinary,
    ['serve', join(folder, 'config.capnp')],
    `http://127.0.0.1:${workerdPort}/`,
  );
  const framework = await startServer(
    process.execPath,
    [
      join(dirname(createRequire(import.meta.url).resolve('@google-cloud/functions-framework')), 'main.js'),
      `--source=${join(import.meta.dirname, 'baselines/functions-framework-echo.cjs')}`,
      '--target=echo',
      `--port=${frameworkPort}`,
    ],
    `http://127.0.0.1:${frameworkPort}/`,
  );
  try {
    await deploy(platform, 'echo', echoSource, { concurrency: 32, maxInstances: 1 });
    await deploy(
      platform,
      'echo-fetch',
      'export default { async fetch(request) { return Response.json(await request.json()); } };',
      { handler: 'index.default', concurrency: 32, maxInstances: 1 },
    );
    const targets: Record<string, string> = {
      bare: bare.url,
      hearth: `${platform.gatewayUrl}/echo`,
      fetch: `${platform.gatewayUrl}/echo-fetch`,
      workerd: `http://127.0.0.1:${workerdPort}/`,
      framework: `http://127.0.0.1:${frameworkPort}/`,
    };
    const results = new Map<string, LoadResult[]>(Object.keys(targets).map((name) => [name, []]));
    for (const url of Object.values(targets)) await load({ url, connections: 32, seconds: 2, body: oneKilobyte });
    for (let round = 0; round < rounds; round++) {
      progress(`round ${round + 1} of ${rounds}`);
      for (const [name, url] of Object.entries(targets))
        results.get(name)?.push(await load({ url, connections: 32, seconds, body: oneKilobyte }));
    }
    const alone = { bare: [] as LoadResult[], hearth: [] as LoadResult[] };
    for (let round = 0; round < 3; round++) {
      progress(`one connection, round ${round + 1} of 3`);
      alone.bare.push(await load({ url: targets['bare'] ?? '', connections: 1, seconds: 2, body: oneKilobyte }));
      alone.hearth.push(await load({ url: targets['hearth'] ?? '', connections: 1, seconds: 2, body: oneKilobyte }));
    }
    return report(results, alone);
  } finally {
    await Promise.all([platform.dispose(), bare.stop(), stopServer(workerd), stopServer(framework)]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(
  results: ReadonlyMap<string, readonly LoadResult[]>,
  alone: { readonly bare: readonly LoadResult[]; readonly hearth: readonly LoadResult[] },
): readonly Row[] {
  const of = (name: string): readonly LoadResult[] => results.get(name) ?? [];
  const rate = (name: string): number => median(of(name).map((result) => result.perSecond));
  const line = (name: string): string =>
    `${Math.round(rate(name))}/s, p50 ${median(of(name).map((result) => result.p50Ms)).toFixed(2)} ms, p99 ${median(of(name).map((result) => result.p99Ms)).toFixed(2)} ms`;
  // Ratios are taken within a round, so that drift of the machine cancels out.
  const ratios = (a: string, b: string): readonly number[] =>
    of(a).map((result, i) => result.perSecond / (of(b)[i]?.perSecond ?? Number.NaN));
  const compare = (what: string, ofRounds: readonly number[], goal?: number): Row =>
    goal === undefined
      ? row(what, withSpread(ofRounds), '', undefined, ofRounds)
      : row(what, withSpread(ofRounds), `>= ${goal}`, median(ofRounds) >= goal, ofRounds);
  const tails = of('hearth').map((result, i) => result.p99Ms / (of('bare')[i]?.p99Ms ?? Number.NaN));
  const failures = [...results.values()].flat().reduce((sum, result) => sum + result.failures, 0);
  const added = median(alone.hearth.map((result) => result.p50Ms)) - median(alone.bare.map((result) => result.p50Ms));
  return [
    row('bare node:http echo, 32 connections', line('bare')),
    row('workerd echo, 32 connections', line('workerd')),
    row('functions-framework echo, 32 connections', line('framework')),
    row('Hearth event handler, process, 32 connections', line('hearth')),
    row('Hearth fetch handler, process, 32 connections', line('fetch')),
    compare('Hearth event handler / bare', ratios('hearth', 'bare'), 1),
    row('p99 of Hearth event handler / bare', withSpread(tails), '<= 1.5', median(tails) <= 1.5, tails),
    compare('Hearth event handler / workerd', ratios('hearth', 'workerd'), 1.5),
    compare('Hearth event handler / functions-framework', ratios('hearth', 'framework')),
    compare('Hearth fetch handler / workerd', ratios('fetch', 'workerd')),
    row('added to the median of one connection', `${added.toFixed(3)} ms`),
    row('failed requests', String(failures), '0', failures === 0),
  ];
}
