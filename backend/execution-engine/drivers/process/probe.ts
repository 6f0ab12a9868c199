import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { LimitName } from '../../../../shared/api/system.ts';
import { PlatformError } from '../../../../shared/errors.ts';
import { newId } from '../../../../shared/ids.ts';
import type { DriverHealth, SandboxSpec } from '../../../core/ports/isolation-driver.ts';
import type { PlanMount } from '../../../core/ports/runtime-adapter.ts';
import type { Sandbox } from '../../../core/ports/sandbox.ts';
import type { HostEnvironment } from '../support/jail/host-environment.ts';
import { findProgram, isRoot } from '../support/jail/host-environment.ts';
import { attackProbes, attackProgram, attackTools } from './attack-probes.ts';

/** `strict`: every limit is enforced. `partial`: all walls stand, but memory and CPU are not limited per sandbox. */
export type Tier = 'strict' | 'partial';

export interface ProbeParts {
  readonly bwrapPath: string | undefined;
  readonly openHost: () => HostEnvironment;
  readonly create: (spec: SandboxSpec, signal: AbortSignal) => Promise<Sandbox>;
  readonly minimumTier: Tier;
  readonly signal: AbortSignal;
}

interface AttackReport {
  readonly count: number;
  readonly open: readonly string[];
}

const probeLimits = { memoryMb: 256, cpus: 1, maxPids: 64, tmpMb: 4, egress: 'none' } as const;
const answerTimeoutMs = 15_000;
const guestNode = '/usr/bin/node';

/** Starts a real sandbox, attacks the host from inside, and says what holds. Never rejects. */
export async function probeHost(parts: ProbeParts): Promise<DriverHealth> {
  const bwrap = parts.bwrapPath ?? findProgram('bwrap');
  if (bwrap === undefined || !existsSync(bwrap)) {
    return {
      status: 'undetected',
      reason: bwrap === undefined ? 'bubblewrap (bwrap) is not installed' : `there is no ${bwrap}`,
      fix: 'install it: apt-get install bubblewrap, dnf install bubblewrap, or apk add bubblewrap',
    };
  }
  try {
    const host = parts.openHost();
    const report = await attack(parts);
    if (report.open.length > 0) {
      return {
        status: 'unhealthy',
        reason: `a sandbox on this host leaks: ${report.open.join('; ')}`,
        fix: 'update bubblewrap and the kernel, or use another isolation; see docs/drivers/process.md',
      };
    }
    return judge(host, bwrap, report, parts.minimumTier);
  } catch (error) {
    return explain(error);
  }
}

function judge(host: HostEnvironment, bwrap: string, report: AttackReport, minimumTier: Tier): DriverHealth {
  // A process limit set inside holds per sandbox without control groups too.
  const enforces = new Set<LimitName>(['tmp', 'network', 'pids', ...host.cgroups.enforces]);
  const missing = (['memory', 'cpu'] as const).filter((name) => !enforces.has(name));
  const tier: Tier = missing.length === 0 ? 'strict' : 'partial';
  if (tier === 'partial' && minimumTier === 'strict') {
    return {
      status: 'unhealthy',
      reason: `${missing.join(' and ')} cannot be limited here (${host.cgroups.notes.join(', ')}), and tier strict is demanded`,
      fix: 'run the platform as root, or delegate control groups to it (systemd: Delegate=yes), or accept tier partial',
    };
  }
  const notes = [`${report.count} attacks from inside were tried, all closed`];
  if (tier === 'partial') notes.push(...host.cgroups.notes);
  if (!enforces.has('memory')) notes.push('memory is limited per process (RLIMIT_DATA), not per sandbox');
  if (!enforces.has('cpu')) notes.push('CPU time is not limited');
  if (!isRoot()) notes.push('all sandboxes run as the user id of the platform');
  return { status: 'healthy', version: `bubblewrap ${versionOf(bwrap)}`, tier, enforces, notes };
}

async function attack(parts: ProbeParts): Promise<AttackReport> {
  const abstractName = `hearth-probe-${process.pid}-${newId('sandbox')}`;
  const [tcp, unix] = [createServer(), createServer()];
  await Promise.all([listen(tcp, { host: '127.0.0.1', port: 0 }), listen(unix, { path: `\0${abstractName}` })]);
  let sandbox: Sandbox | undefined;
  try {
    const address = tcp.address();
    const hostPort = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const signal = AbortSignal.any([parts.signal, AbortSignal.timeout(answerTimeoutMs)]);
    sandbox = await parts.create(probeSpec(), signal);
    const channel = await sandbox.connect(signal);
    const facts = { hostPort, abstractName, tmpMb: probeLimits.tmpMb };
    channel.write(`${JSON.stringify({ probes: attackProbes, facts })}\n`);
    return parseReport(await readAnswer(channel, sandbox, signal));
  } finally {
    await sandbox?.destroy('probe over');
    tcp.close();
    unix.close();
  }
}

function probeSpec(): SandboxSpec {
  const tools: PlanMount[] = attackTools.flatMap((name) => {
    const hostPath = findProgram(name);
    return hostPath === undefined ? [] : [{ hostPath, guestPath: `/usr/bin/${name}` }];
  });
  return {
    id: newId('sandbox'),
    plan: {
      runtime: 'nodejs',
      argv: [guestNode, '-e', attackProgram],
      env: {},
      agent: { hostPath: process.execPath, guestPath: guestNode },
      toolchain: tools,
    },
    limits: probeLimits,
    image: undefined,
  };
}

async function readAnswer(channel: AsyncIterable<Buffer>, sandbox: Sandbox, signal: AbortSignal): Promise<string> {
  const onAbort = (): void => void sandbox.destroy('the probe took too long');
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    let text = '';
    for await (const chunk of channel) text += chunk.toString('utf8');
    if (text !== '') return text;
  } catch {
    // The channel breaks when the sandbox dies; its report says why.
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  const report = await sandbox.exited;
  const lines: string[] = [];
  for await (const line of sandbox.output()) if (lines.length < 5) lines.push(line.text);
  const said = lines.join(' ').trim() || report.reason || `exit code ${report.code}, signal ${report.signal}`;
  throw new PlatformError('unavailable', 'probe_failed', `the probe did not finish inside the sandbox: ${said}`);
}

function parseReport(text: string): AttackReport {
  const report = JSON.parse(text) as Partial<AttackReport>;
  if (typeof report.count !== 'number' || !Array.isArray(report.open) || report.count !== attackProbes.length) {
    throw new PlatformError('unavailable', 'probe_failed', 'the probe inside the sandbox answered nonsense');
  }
  return { count: report.count, open: report.open };
}

/** Known failures of bubblewrap with what to do about them (its issues 378, 505, 632). */
const knownFailures: readonly (readonly [pattern: RegExp, fix: string])[] = [
  [
    /uid map|No permissions to create (a )?new namespace|RTM_NEWADDR|Creating new namespace failed/i,
    'allow user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0 (or an AppArmor profile for bwrap), sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces > 0',
  ],
  [/EACCES|EPERM|Permission denied/i, 'let the platform write its data directory, or run it as root'],
  [/disable-userns|Unknown option/i, 'update bubblewrap to 0.8.0 or later'],
];

function explain(error: unknown): DriverHealth {
  const reason = error instanceof Error ? error.message : String(error);
  const fix = knownFailures.find(([pattern]) => pattern.test(reason))?.[1];
  return { status: 'unhealthy', reason, fix: fix ?? 'see docs/drivers/process.md for what this driver needs' };
}

function versionOf(bwrap: string): string {
  try {
    return execFileSync(bwrap, ['--version'], { encoding: 'utf8', timeout: 5000 }).trim().replace('bubblewrap ', '');
  } catch {
    return 'unknown';
  }
}

async function listen(server: Server, where: { host: string; port: number } | { path: string }): Promise<void> {
  server.unref();
  server.listen(where);
  await once(server, 'listening');
}
