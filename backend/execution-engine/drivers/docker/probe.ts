import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { LimitName } from '../../../../shared/api/system.ts';
import { PlatformError } from '../../../../shared/errors.ts';
import { newId } from '../../../../shared/ids.ts';
import { MiB } from '../../../../shared/limits.ts';
import { probeTimes } from '../../../core/policies/probe-times.ts';
import type { DriverHealth, SandboxLimits, SandboxSpec } from '../../../core/ports/isolation-driver.ts';
import type { Sandbox } from '../../../core/ports/sandbox.ts';
import { attackProgram, withTargets } from '../support/egress/attack.ts';
import { egressFinding } from '../support/egress/egress-finding.ts';
import type { ContainerLimits } from './container-cgroup.ts';
import { launcherProcesses } from './container-spec.ts';
import type { EngineClient } from './engine/engine-client.ts';
import { engineErrorCodes, isEngineError } from './engine/engine-errors.ts';
import type { EngineInfo } from './engine/engine-types.ts';
import { probeProgram } from './probe-program.ts';

export interface ProbeOptions {
  readonly engine: EngineClient;
  readonly create: (spec: SandboxSpec, signal: AbortSignal) => Promise<Sandbox>;
  /** Why functions cannot be let out to the network here, or undefined. */
  readonly whyNoEgress: () => Promise<string | undefined>;
  /** Undefined when the container is gone. */
  readonly limitsOf: (sandbox: Sandbox) => Promise<ContainerLimits | undefined>;
  /** A directory of this platform for the program of the probe. */
  readonly directory: () => string;
  /** The daemon, as `describeDaemon` names it, with which a container has been tried out already. */
  readonly provenDaemon: string | undefined;
  readonly signal: AbortSignal;
}

const probeLimits: SandboxLimits = { memoryMb: 96, cpus: 1, maxPids: 32, tmpMb: 4, egress: 'none' };
const maxAnswerBytes = 64 * 1024;
const whyNoPodmanEgress =
  'Podman makes the bridge of a network with the first container on it, so the firewall could not be proven before';

interface Finding {
  readonly open: readonly string[];
  readonly tmpMb: number;
}

const proven = new Map<string, { readonly enforces: ReadonlySet<LimitName>; readonly open: readonly string[] }>();

/** Asks the daemon, then starts a hostile container. `daemon` names what was tried. Never rejects. */
export async function probeEngine(options: ProbeOptions): Promise<{ health: DriverHealth; daemon: string }> {
  const { engine } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(probeTimes.sandboxMs)]);
  try {
    const api = await engine.ping(signal, probeTimes.daemonMs);
    const info = await engine.info(signal);
    const daemon = `${info.ID} ${info.ServerVersion}`;
    if (info.OSType !== 'linux') {
      const reason = `the daemon runs ${info.OSType} containers`;
      return { daemon, health: { status: 'unhealthy', reason, fix: 'switch it to Linux containers' } };
    }
    const finding = options.provenDaemon === daemon ? proven.get(daemon) : await tryContainer(options, info, signal);
    if (finding === undefined) throw new Error('a daemon that was tried has no finding');
    proven.set(daemon, finding);
    const whyNoEgress = info.BuildahVersion === undefined ? await options.whyNoEgress() : whyNoPodmanEgress;
    return { daemon, health: healthOf({ info, api }, finding, whyNoEgress) };
  } catch (error) {
    return { daemon: '', health: unhealthy(error) };
  }
}

async function tryContainer(
  options: ProbeOptions,
  info: EngineInfo,
  signal: AbortSignal,
): Promise<{ readonly enforces: ReadonlySet<LimitName>; readonly open: readonly string[] }> {
  const spec = probeSpec(join(options.directory(), 'probe.cjs'), probeProgram, []);
  const sandbox = await options.create(spec, signal);
  try {
    const finding = await findingOf(sandbox, signal);
    const limits = await options.limitsOf(sandbox);
    const enforces = new Set<LimitName>();
    if (limits?.memoryBytes === probeLimits.memoryMb * MiB) enforces.add('memory');
    if (limits?.pids === probeLimits.maxPids + launcherProcesses) enforces.add('pids');
    if (info.CpuCfsQuota === true) enforces.add('cpu');
    if (finding.tmpMb > 0 && finding.tmpMb <= probeLimits.tmpMb) enforces.add('tmp');
    if (!finding.open.some((way) => way.startsWith('see network'))) enforces.add('network');
    return { enforces, open: finding.open };
  } finally {
    await sandbox.destroy('the probe is over');
  }
}

/** What the container with the program answers. */
async function findingOf(sandbox: Sandbox, signal: AbortSignal): Promise<Finding> {
  const ended = sandbox.exited.then((report) => {
    const message = `the container ended before it answered (exit code ${report.code}); does the daemon see the same files under the same path as Hearth?`;
    throw new PlatformError('unavailable', 'docker_probe_failed', message);
  });
  ended.catch(() => undefined);
  return await Promise.race([ended, sandbox.connect(signal).then(readFinding)]);
}

function probeSpec(path: string, program: string, args: readonly string[]): SandboxSpec {
  writeFileSync(path, program, { mode: 0o644 });
  return {
    id: newId('sandbox'),
    image: undefined,
    limits: probeLimits,
    plan: {
      runtime: 'nodejs',
      argv: ['/hearth/node', '/hearth/probe.cjs', ...args],
      env: {},
      agent: { hostPath: path, guestPath: '/hearth/probe.cjs' },
      toolchain: [{ hostPath: process.execPath, guestPath: '/hearth/node' }],
    },
  };
}

/** Starts a container on the network of functions that tries to reach this host and more; resolves with what it could reach. */
export async function attackFromNetwork(
  directory: string,
  gateway: string,
  create: (spec: SandboxSpec, signal: AbortSignal) => Promise<Sandbox>,
): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(probeTimes.networkMs);
  return await withTargets(gateway, async (targets) => {
    const spec = probeSpec(join(directory, 'attack.cjs'), attackProgram, targets);
    const sandbox = await create({ ...spec, limits: { ...spec.limits, egress: 'all' } }, signal);
    try {
      return (await findingOf(sandbox, signal)).open;
    } finally {
      await sandbox.destroy('the test is over');
    }
  });
}

/** One line. The channel stays open: the program ends without it, and its limits are still to be read. */
function readFinding(channel: Duplex): Promise<Finding> {
  const { promise, resolve, reject } = Promise.withResolvers<Finding>();
  const fail = (): void => {
    const message = 'the container of the probe gave no answer; see the log of the Docker daemon';
    reject(new PlatformError('unavailable', 'docker_probe_failed', message));
  };
  let text = '';
  channel.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    if (text.length > maxAnswerBytes) fail();
    if (!text.endsWith('\n')) return;
    try {
      resolve(JSON.parse(text) as Finding);
    } catch {
      fail();
    }
  });
  channel.once('close', fail);
  return promise;
}

function healthOf(
  { info, api }: { readonly info: EngineInfo; readonly api: string },
  finding: { readonly enforces: ReadonlySet<LimitName>; readonly open: readonly string[] },
  whyNoEgress: string | undefined,
): DriverHealth {
  if (finding.open.length > 0) {
    return {
      status: 'unhealthy',
      reason: `hostile code in a container could ${finding.open.join('; ')}`,
      fix: 'use Docker Engine 20.10 or newer with runc and seccomp, as docs/drivers/docker.md says',
    };
  }
  const all: readonly LimitName[] = ['memory', 'cpu', 'pids', 'tmp', 'network'];
  const missing = all.filter((name) => !finding.enforces.has(name));
  const egress = egressFinding(whyNoEgress);
  const isRootless = (info.SecurityOptions ?? []).some((option) => option.includes('name=rootless'));
  return {
    status: 'healthy',
    version: `${info.ServerVersion}, API ${api}`,
    tier: missing.length === 0 ? 'strict' : 'partial',
    enforces: finding.enforces,
    egress: egress.egress,
    notes: [
      `storage ${info.Driver}, control groups version ${info.CgroupVersion ?? '1'} by ${info.CgroupDriver ?? 'unknown'}`,
      'containers share the kernel of this host',
      ...egress.notes,
      ...missing.map(
        (name) =>
          `the ${name} limit is not enforced${isRootless ? '; delegate control groups to the user (docs/drivers/docker.md)' : ''}`,
      ),
    ],
  };
}

function unhealthy(error: unknown): DriverHealth {
  const message = error instanceof Error ? error.message : String(error);
  const cut = message.indexOf('; ');
  const reason = cut < 0 ? message : message.slice(0, cut);
  const fix = cut < 0 ? 'see docs/drivers/docker.md' : message.slice(cut + 2);
  const isAbsent = isEngineError(error, engineErrorCodes.notRunning);
  return { status: isAbsent ? 'undetected' : 'unhealthy', reason, fix };
}
