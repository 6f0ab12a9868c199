import { spawnSync } from 'node:child_process';
import { runtimeImagesSchema } from '../shared/api/system.ts';
import { whyNoEngine } from '../tests/support/docker-daemon.ts';
import { eventually, type Platform, startPlatform } from '../tests/support/platform.ts';
import { platformTree, readProcess } from '../tests/support/process-tree.ts';
import { deploy } from './support/functions.ts';
import { median, type Row, row } from './support/numbers.ts';
import { expectPreWarmed, poolsOf } from './support/pools.ts';
import { kibOf } from './support/processes.ts';
import { progress } from './support/progress.ts';

const rounds = 9;
const warmCalls = 300;
const burst = 20;
const idle = 20;
const source = 'export async function handler(event) { return event?.body ?? { ok: true }; }';
const body = JSON.stringify({ text: 'x'.repeat(1000) });

/** Functions in containers, against the process driver and a bare `docker run` of the same image. Needs a daemon (DOCKER_HOST). */
export async function docker(): Promise<readonly Row[]> {
  const host = process.env['DOCKER_HOST'] ?? '';
  const reason = await whyNoEngine(host);
  if (reason !== undefined) return [row('functions in containers', `skipped: ${reason}`)];
  const platform = await startPlatform({ environment: { ...settings(host), HEARTH_PREWARM: '0' } });
  try {
    return [
      ...(await cold(platform, host)),
      ...(await burstOfColdStarts(platform)),
      ...(await warmEchoes(platform)),
      ...(await idleMemory(platform, host)),
      ...(await fromPreWarmed(host)),
    ];
  } finally {
    await platform.dispose();
  }
}

function settings(host: string): Record<string, string> {
  return { HEARTH_ISOLATION: 'docker', HEARTH_DOCKER_HOST: host };
}

async function firstByte(platform: Platform, name: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(`${platform.gatewayUrl}/${name}`);
  const tookMs = performance.now() - startedAt;
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${name} answered ${response.status}`);
  return tookMs;
}

async function invoke(platform: Platform, name: string): Promise<{ readonly tookMs: number; readonly start: string }> {
  const startedAt = performance.now();
  const response = await platform.api('POST', `/api/v1/functions/${name}/invocations`, {});
  const tookMs = performance.now() - startedAt;
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${name} answered ${response.status}`);
  return { tookMs, start: response.headers.get('hearth-start') ?? '' };
}

async function cold(platform: Platform, host: string): Promise<readonly Row[]> {
  await deploy(platform, 'first', source);
  await firstByte(platform, 'first');
  const listed = await (await platform.api('GET', '/api/v1/system/images')).json();
  const image = runtimeImagesSchema.parse(listed).images.find((one) => one.runtime === 'nodejs')?.reference ?? '';
  const ours: number[] = [];
  const bare: number[] = [];
  for (let i = 0; i < rounds; i++) {
    progress(`start ${i + 1} of ${rounds}`);
    await deploy(platform, `cold-${i}`, source);
    const call = await invoke(platform, `cold-${i}`);
    // The pool may have started one ahead by then.
    if (call.start === 'cold') ours.push(call.tookMs);
    await platform.api('DELETE', `/api/v1/functions/cold-${i}`);
    bare.push(bareRun(image, host));
  }
  const ratio = median(ours) / median(bare);
  return [
    row('bare `docker run` of the same image, to its first byte', `median ${median(bare).toFixed(0)} ms`),
    row(
      'cold start in a container, request to first byte',
      `median ${median(ours).toFixed(0)} ms, ${ratio.toFixed(2)} x docker run`,
      'at most 1.5 x docker run',
      ratio <= 1.5,
    ),
  ];
}

/** What is in the container and the shim of containerd that keeps it, which no other has. The daemon is not counted. */
async function idleMemory(platform: Platform, host: string): Promise<readonly Row[]> {
  progress(`waiting for ${idle} idle containers`);
  await deploy(platform, 'idle', source, { minInstances: idle, maxInstances: idle });
  await eventually(async () => {
    const { pools } = await poolsOf(platform);
    const pool = pools.find(({ functionName }) => functionName === 'idle');
    if (pool?.instances.filter(({ state }) => state === 'idle').length !== idle) throw new Error('not all are idle');
  });
  const first = dockerSays(host, ['ps', '--quiet'])
    .trim()
    .split('\n')
    .map((id) => firstProcessOf(id, host));
  const shims = first.map((pid) => Number(/^PPid:\s+(\d+)/m.exec(readProcess(pid, 'status').toString())?.[1]));
  const inside = kibOf(first.flatMap(platformTree), 'Pss') / first.length / 1024;
  const shim =
    kibOf(
      shims.map((pid) => ({ pid })),
      'Pss',
    ) /
    shims.length /
    1024;
  await platform.api('DELETE', '/api/v1/functions/idle');
  const value = `${(inside + shim).toFixed(1)} MiB: ${inside.toFixed(1)} inside and ${shim.toFixed(1)} of the shim`;
  return [row(`idle Node instance in a container, of ${first.length}, memory (PSS)`, value)];
}

const firstProcessOf = (id: string, host: string): number =>
  Number(dockerSays(host, ['inspect', '--format', '{{.State.Pid}}', id]));

function dockerSays(host: string, args: readonly string[]): string {
  const { stdout, status, stderr } = spawnSync('docker', host === '' ? args : ['--host', host, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`docker ${args[0]} failed: ${stderr}`);
  return stdout;
}

/** The program says when it wrote its first byte, so that the removal of the container is not counted. */
function bareRun(image: string, host: string): number {
  const startedAt = Date.now();
  const program = 'process.stdout.write(String(Date.now()))';
  const args = ['run', '--rm', '--init', '--network', 'none', '--entrypoint', '/hearth/node', image, '-e', program];
  return Number(dockerSays(host, args)) - startedAt;
}

async function burstOfColdStarts(platform: Platform): Promise<readonly Row[]> {
  const names = Array.from({ length: burst }, (_, i) => `burst-${i}`);
  for (const name of names) await deploy(platform, name, source);
  const startedAt = performance.now();
  const results = await Promise.allSettled(names.map(async (name) => await firstByte(platform, name)));
  const tookMs = performance.now() - startedAt;
  const failed = results.filter((result) => result.status === 'rejected').length;
  await Promise.all(names.map(async (name) => await platform.api('DELETE', `/api/v1/functions/${name}`)));
  return [
    row(
      `${burst} functions called at once, none of them running`,
      `${(tookMs / 1000).toFixed(1)} s for all, ${failed} failed`,
      'none fails',
      failed === 0,
    ),
  ];
}

async function warmEchoes(inDocker: Platform): Promise<readonly Row[]> {
  const inProcess = await startPlatform({ environment: { HEARTH_PREWARM: '0' } });
  try {
    const rates = { process: [] as number[], docker: [] as number[] };
    for (const platform of [inProcess, inDocker]) await deploy(platform, 'echo', source);
    for (let i = 0; i < rounds; i++) {
      progress(`warm, round ${i + 1} of ${rounds}`);
      rates.process.push(await rateOf(inProcess));
      rates.docker.push(await rateOf(inDocker));
    }
    // The first round warms up.
    const ratio = median(rates.docker.slice(1)) / median(rates.process.slice(1));
    return [
      row('warm echo of 1 KB in a container', `${ratio.toFixed(2)} x the process driver`, 'at least 0.9', ratio >= 0.9),
    ];
  } finally {
    await inProcess.dispose();
  }
}

async function rateOf(platform: Platform): Promise<number> {
  const startedAt = performance.now();
  for (let i = 0; i < warmCalls; i++) {
    await (await fetch(`${platform.gatewayUrl}/echo`, { method: 'POST', body })).arrayBuffer();
  }
  return (warmCalls * 1000) / (performance.now() - startedAt);
}

async function fromPreWarmed(host: string): Promise<readonly Row[]> {
  const platform = await startPlatform({ environment: { ...settings(host), HEARTH_PREWARM: '1' } });
  try {
    const took: number[] = [];
    for (let i = 0; i < rounds + 1; i++) {
      progress(`round ${i} of ${rounds}`);
      await deploy(platform, `warm-${i}`, source);
      await eventually(async () => await expectPreWarmed(platform, 'nodejs'));
      took.push(await firstByte(platform, `warm-${i}`));
      await platform.api('DELETE', `/api/v1/functions/warm-${i}`);
    }
    const value = median(took.slice(1));
    const what = 'first call in a pre-warmed container, request to first byte';
    return [row(what, `median ${value.toFixed(1)} ms`, 'median under 25 ms', value < 25)];
  } finally {
    await platform.dispose();
  }
}
