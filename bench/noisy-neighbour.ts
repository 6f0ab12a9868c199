import { whyNoEngine } from '../tests/support/docker-daemon.ts';
import { eventually, type Platform, startPlatform } from '../tests/support/platform.ts';
import { startBareEcho } from './support/bare-echo.ts';
import { deploy, echoSource, oneKilobyte } from './support/functions.ts';
import { median, type Row, row, withSpread } from './support/numbers.ts';
import { poolsOf } from './support/pools.ts';
import { progress } from './support/progress.ts';
import { type LoadResult, load } from './support/wrk.ts';

const rounds = 3;
const seconds = 4;
/** A handler that does not listen ends so long after its call began; its caller calls again until the measurement is over. */
const noiseMs = 15_000;
const loops = 4;

interface Noise {
  readonly name: string;
  readonly what: string;
  readonly copies: number;
  readonly runtime: 'nodejs' | 'python';
  readonly source: string;
  readonly config?: object;
}

/** What runs beside the echo at once. */
interface Scene {
  readonly what: string;
  readonly noises: readonly Noise[];
}

/** Each works until it is stopped by its time-out or its memory, and is called again at once. */
const noises: readonly Noise[] = [
  {
    name: 'loop',
    what: `${loops} busy loops`,
    copies: loops,
    runtime: 'nodejs',
    source: 'export const handler = () => { for (;;); };',
  },
  {
    name: 'fork',
    what: 'a fork bomb of 64 processes',
    copies: 1,
    runtime: 'python',
    source: `import os
def handler(event, context):
  while True:
    try:
      if os.fork() == 0:
        while True: pass
    except OSError:
      pass
`,
  },
  {
    name: 'memory',
    what: 'two that fill 256 MB again and again',
    copies: 2,
    runtime: 'python',
    source: 'def handler(event, context):\n  while True: kept = bytearray(b"x" * (200 << 20))\n',
    config: { memoryMb: 256 },
  },
];

const python = (name: string, loop: string): Noise => ({
  ...{ name, what: name, copies: 2, runtime: 'python' },
  source: `import os, errno\ndef handler(event, context):\n${loop}`,
});

/** Two of each kind: those that fork and take memory are above, beside them what fills /tmp, opens descriptors and prints without end. */
const bombs: readonly Noise[] = [
  ...noises.filter(({ runtime }) => runtime === 'python').map((noise) => ({ ...noise, copies: 2 })),
  python(
    'disk',
    `  block = b"x" * 65536
  while True:
    with open("/tmp/full", "wb", buffering=0) as file:
      try:
        while True: file.write(block)
      except OSError as error:
        assert error.errno == errno.ENOSPC
`,
  ),
  python(
    'descriptors',
    `  while True:
    kept = []
    try:
      while True: kept.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
      assert error.errno == errno.EMFILE
    for descriptor in kept: os.close(descriptor)
`,
  ),
  python('logs', '  block = (b"x" * 1023 + b"\\n") * 64\n  while True: os.write(1, block)\n'),
];

const scenes: readonly Scene[] = [
  ...noises.map((noise) => ({ what: noise.what, noises: [noise] })),
  {
    what: `${bombs.reduce((sum, { copies }) => sum + copies, 0)} bombs of forks, memory, disk, descriptors and logs`,
    noises: bombs,
  },
];

/**
 * A warm echo beside functions of others that take what they can get, against the same echo in quiet; and bare node:http beside the same, which shows
 * what of it is the host's.
 */
export async function noisyNeighbour(): Promise<readonly Row[]> {
  const host = process.env['DOCKER_HOST'] ?? '';
  const reason = await whyNoEngine(host);
  return [
    ...(await besideNoise('process', {})),
    ...(reason === undefined
      ? await besideNoise('docker', { HEARTH_DOCKER_HOST: host })
      : [row('a neighbour in containers', `skipped: ${reason}`)]),
  ];
}

async function besideNoise(isolation: string, environment: Readonly<Record<string, string>>): Promise<readonly Row[]> {
  const platform = await startPlatform({ environment: { ...environment, HEARTH_ISOLATION: isolation } });
  const bare = await startBareEcho();
  try {
    await deploy(platform, 'victim', echoSource);
    const victimUrl = `${platform.gatewayUrl}/victim`;
    for (const url of [victimUrl, bare.url]) await measure(url);
    const rows: Row[] = [];
    for (const scene of scenes)
      rows.push(...(await beside({ platform, victimUrl, bareUrl: bare.url }, isolation, scene)));
    return rows;
  } finally {
    await Promise.all([platform.dispose(), bare.stop()]);
  }
}

interface Measured {
  readonly platform: Platform;
  readonly victimUrl: string;
  readonly bareUrl: string;
}

const measure = async (url: string): Promise<LoadResult> =>
  await load({ url, connections: 1, seconds, body: oneKilobyte });

async function beside(
  { platform, victimUrl, bareUrl }: Measured,
  isolation: string,
  scene: Scene,
): Promise<readonly Row[]> {
  const results: { readonly quiet: LoadResult; readonly noisy: LoadResult; readonly bare: LoadResult }[] = [];
  for (let i = 0; i < rounds; i++) {
    progress(`${isolation}, ${scene.what}: round ${i + 1} of ${rounds}`);
    const quiet = await measure(victimUrl);
    const stops = await Promise.all(scene.noises.map(async (noise) => await start(platform, noise)));
    const noisy = await measure(victimUrl);
    const bare = await measure(bareUrl);
    await Promise.all(stops.map(async (stop) => await stop()));
    results.push({ quiet, noisy, bare });
  }
  const p50 = results.map(({ quiet, noisy }) => noisy.p50Ms / quiet.p50Ms);
  const p99 = results.map(({ quiet, noisy }) => noisy.p99Ms / quiet.p99Ms);
  const failures = results.reduce((sum, { quiet, noisy }) => sum + quiet.failures + noisy.failures, 0);
  const p99Of = (kind: 'quiet' | 'noisy' | 'bare'): string =>
    `${median(results.map((result) => result[kind].p99Ms)).toFixed(2)} ms`;
  const where = `echo in ${isolation} beside ${scene.what} / in quiet`;
  return [
    row(`${where}, p50`, withSpread(p50), '', undefined, p50),
    row(
      `${where}, p99; ${failures} failed`,
      withSpread(p99),
      '<= 2, none fails',
      median(p99) <= 2 && failures === 0,
      p99,
    ),
    row(
      'the same, p99 in quiet; beside; of bare node:http beside',
      (['quiet', 'noisy', 'bare'] as const).map(p99Of).join('; '),
    ),
  ];
}

/** Deploys and calls the noise until it is stopped; resolves once every copy runs, and what it resolves with once none is left. */
async function start(platform: Platform, noise: Noise): Promise<() => Promise<void>> {
  const names = Array.from({ length: noise.copies }, (_, i) => `${noise.name}-${i}`);
  const isPython = noise.runtime === 'python';
  const code = isPython
    ? { runtime: 'python', handler: 'main.handler', files: { 'main.py': noise.source } }
    : { runtime: 'nodejs', files: { 'index.mjs': noise.source } };
  for (const name of names) await deploy(platform, name, '', { ...code, timeoutMs: noiseMs, ...noise.config });
  const stopped = new AbortController();
  const callers = names.map(async (name) => {
    while (!stopped.signal.aborted) {
      const call = fetch(`${platform.gatewayUrl}/${name}`, { signal: stopped.signal });
      await call.then(async (response) => await response.arrayBuffer()).catch(() => undefined);
    }
  });
  await eventually(async () => await expectBusy(platform, names));
  return async () => {
    stopped.abort();
    await Promise.all(callers);
    for (const name of names) await platform.api('DELETE', `/api/v1/functions/${name}`);
    // A handler that does not listen runs until it is killed, and would be in the next measurement in quiet.
    await eventually(async () => await expectGone(platform, names));
  };
}

async function poolsOfNoise(platform: Platform, names: readonly string[]) {
  const { pools } = await poolsOf(platform);
  return pools.filter((pool) => names.includes(pool.functionName));
}

async function expectGone(platform: Platform, names: readonly string[]): Promise<void> {
  const left = (await poolsOfNoise(platform, names)).filter((pool) => pool.instances.length > 0);
  if (left.length > 0) throw new Error(`${left.length} of ${names.length} are still there`);
}

async function expectBusy(platform: Platform, names: readonly string[]): Promise<void> {
  const pools = await poolsOfNoise(platform, names);
  const busy = pools.filter((pool) => pool.instances.some((one) => one.inFlight > 0));
  if (busy.length < names.length) throw new Error(`${busy.length} of ${names.length} are busy`);
}
