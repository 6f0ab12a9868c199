import type { Command } from 'commander';
import { z } from 'zod';
import { type DriverDocument, type RuntimeDocument, systemSchema, whoamiSchema } from '../../shared/api/system.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { printable } from '../terminal.ts';

interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** What to do about it; null where nothing needs to be done, or nobody knows. */
  readonly fix: string | null;
}

const platformVersionSchema = z.object({ version: z.string(), nodeVersion: z.string() });
const readinessSchema = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});

export function registerDoctor(program: Command, context: ContextFactory): void {
  program
    .command('doctor')
    .description('look for what keeps Hearth from working: the address, the token, isolation levels, runtimes')
    .action(async () => await doctor(context()));
}

/** Exit status: that of the first check that failed; warnings are none. */
async function doctor(context: CliContext): Promise<void> {
  const checks: Check[] = [ok('command line', `Hearth ${context.version} on Node.js ${process.versions.node}`)];
  let exitCode: ExitCode | undefined;
  const look = async (name: string, find: () => Promise<readonly Check[]>): Promise<boolean> => {
    try {
      const found = await find();
      checks.push(...found);
      if (found.some(({ status }) => status === 'failed')) exitCode ??= exitCodes.failure;
      return true;
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      checks.push({ name, status: 'failed', detail: error.message, fix: error.hint ?? null });
      exitCode ??= error.exitCode;
      return false;
    }
  };
  if (await look('platform', () => reachable(context))) {
    await look('platform', () => ready(context));
    if (await look('token', () => token(context))) await look('platform', () => inside(context));
  }
  show(context, checks);
  if (exitCode !== undefined) throw new CliError(exitCode, 'not all is well; the lines above say what to do');
}

const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail, fix: null });

async function reachable({ client, version }: CliContext): Promise<readonly Check[]> {
  const platform = await client.get('/version', platformVersionSchema);
  const detail = `Hearth ${platform.version} answers at ${client.url}, on Node.js ${platform.nodeVersion}`;
  if (platform.version === version) return [ok('platform', detail)];
  const fix = 'Use the CLI that came with the platform.';
  return [{ name: 'platform', status: 'warning', detail: `${detail}; this command line is ${version}`, fix }];
}

async function ready({ client }: CliContext): Promise<readonly Check[]> {
  const response = await client.request('/readyz', { accepts: [503] });
  const { checks } = readinessSchema.parse(await response.json());
  return checks.map(({ name, ok: isOk, detail }) => ({ name, status: isOk ? 'ok' : 'failed', detail, fix: null }));
}

async function token({ client }: CliContext): Promise<readonly Check[]> {
  const { name, scope, project, access } = await client.get('/api/v1/whoami', whoamiSchema);
  return [ok('token', `${name} (${scope})${project === null ? '' : `, project ${project}`}: ${access.join(', ')}`)];
}

async function inside({ client }: CliContext): Promise<readonly Check[]> {
  const system = await client.get('/api/v1/system', systemSchema);
  const warnings = system.warnings.map((detail): Check => ({ name: 'platform', status: 'warning', detail, fix: null }));
  return [...warnings, ...system.drivers.map(levelCheck), ...system.runtimes.map(runtimeCheck)];
}

/** The level that functions get unless they ask for another one has to work; others may be missing. */
function levelCheck(driver: DriverDocument): Check {
  const name = `isolation ${driver.name}`;
  const more = [driver.tier, driver.version].filter((text) => text !== null).join(', ');
  if (driver.status === 'healthy')
    return ok(name, `${more === '' ? 'healthy' : `healthy (${more})`}${driver.isDefault ? ', the default' : ''}`);
  const status = driver.isDefault ? 'failed' : 'warning';
  return { name, status, detail: `${driver.status}: ${driver.reason ?? 'no reason given'}`, fix: driver.fix };
}

function runtimeCheck(runtime: RuntimeDocument): Check {
  const name = `runtime ${runtime.name}`;
  if (runtime.status === 'available') return ok(name, runtime.version ?? 'available');
  return { name, status: 'warning', detail: `missing: ${runtime.reason ?? 'no reason given'}`, fix: runtime.fix };
}

const marks = { ok: ['green', 'ok     '], warning: ['yellow', 'warning'], failed: ['red', 'failed '] } as const;

function show({ terminal }: CliContext, checks: readonly Check[]): void {
  if (terminal.isJson) {
    terminal.json({ checks });
    return;
  }
  for (const { name, status, detail, fix } of checks) {
    const [style, text] = marks[status];
    terminal.print(`${terminal.style(style, text)}  ${name}: ${printable(detail)}`);
    if (fix !== null) terminal.print(`         ${printable(fix)}`);
  }
}
