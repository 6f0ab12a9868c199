import { Command, CommanderError } from 'commander';
import { similarNames } from '../shared/similar-names.ts';
import { registerAlerts } from './commands/alerts.ts';
import { registerAliases } from './commands/aliases.ts';
import { registerAudit } from './commands/audit.ts';
import { registerBackup } from './commands/backup.ts';
import { registerBuilds } from './commands/builds.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerCosts } from './commands/costs.ts';
import { registerDeadLetters } from './commands/dead-letters.ts';
import { registerDeploy } from './commands/deploy.ts';
import { registerDev } from './commands/dev.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerErrorGroups } from './commands/error-groups.ts';
import { registerFunctions } from './commands/functions.ts';
import { registerGuest } from './commands/guest.ts';
import { registerImages } from './commands/images.ts';
import { registerInit } from './commands/init.ts';
import { registerInvocations } from './commands/invocations.ts';
import { registerInvoke } from './commands/invoke.ts';
import { registerLogin } from './commands/login.ts';
import { registerLogs } from './commands/logs.ts';
import { registerMembers } from './commands/members.ts';
import { registerMetrics } from './commands/metrics.ts';
import { registerOpen } from './commands/open.ts';
import { registerProjects } from './commands/projects.ts';
import { registerRollback } from './commands/rollback.ts';
import { registerSchedules } from './commands/schedules.ts';
import { registerSecrets } from './commands/secrets.ts';
import { registerStacks } from './commands/stacks.ts';
import { registerStatus } from './commands/status.ts';
import { registerTestEvents } from './commands/test-events.ts';
import { registerTokens } from './commands/tokens.ts';
import { registerUsers } from './commands/users.ts';
import { registerVersions } from './commands/versions.ts';
import { type CliContext, createContext } from './context.ts';
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts';
import { functionNames } from './function-names.ts';
import type { Environment } from './profile.ts';
import type { Streams } from './terminal.ts';

export interface CliOptions {
  readonly argv: readonly string[];
  readonly environment: Environment;
  readonly directory: string;
  readonly streams: Streams;
  readonly signal: AbortSignal;
  readonly version: string;
}

/** Runs one command line and resolves with the exit status of docs/cli.md. Never rejects and never prints a stack trace unless asked. */
export async function runCli(options: CliOptions): Promise<ExitCode> {
  const program = new Command('hearth');
  const { streams } = options;
  withSettings(program)
    .description('Deploy, call and watch functions on a Hearth platform.')
    .version(options.version)
    // Behind a command, `--version` and its like are the command's own.
    .enablePositionalOptions()
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    })
    .addHelpText(
      'after',
      '\nThe platform is at HEARTH_URL (http://127.0.0.1:3000), the token in HEARTH_TOKEN or kept by `hearth login`,\nthe project in HEARTH_PROJECT, --project, or kept by `hearth project use`.\nExit status: 0 ok, 1 failure, 2 usage, 3 auth, 4 not found, 5 conflict, 6 function error, 7 timeout, 8 unavailable, 130 interrupted.',
    );
  const context = (): CliContext => {
    const { json, project } = program.opts<Settings>();
    return createContext({ ...options, isJson: json === true, project });
  };
  for (const register of [
    registerLogin,
    registerInit,
    registerDeploy,
    registerDev,
    registerStacks,
    registerInvoke,
    registerTestEvents,
    registerLogs,
    registerFunctions,
    registerVersions,
    registerBuilds,
    registerRollback,
    registerAliases,
    registerInvocations,
    registerDeadLetters,
    registerSchedules,
    registerErrorGroups,
    registerMetrics,
    registerCosts,
    registerAlerts,
    registerStatus,
    registerDoctor,
    registerOpen,
    registerImages,
    registerGuest,
    registerProjects,
    registerUsers,
    registerMembers,
    registerTokens,
    registerAudit,
    registerBackup,
    registerSecrets,
    registerCompletion,
  ])
    register(program, context);
  inheritSettings(program, program);
  try {
    await program.parseAsync(options.argv, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    const exitCode = explain(error, options, program.opts<Settings>());
    if (error instanceof CliError && error.problem?.code === 'function_not_found') await suggest(error, context());
    return exitCode;
  }
}

interface Settings {
  readonly json?: boolean;
  readonly project?: string;
  readonly verbose?: boolean;
}

const settings = [
  ['--json', 'print data as JSON'],
  ['--project <name>', 'the project that the command is about'],
  ['--verbose', 'say more about errors'],
] as const;

/** One that the command has itself, with words of its own, counts as well. */
function withSettings(command: Command): Command {
  for (const [flags, description] of settings)
    if (!command.options.some(({ long }) => long === flags.split(' ')[0])) command.option(flags, description);
  return command;
}

/** What every command takes works before and after it, and commander's own errors reach us instead of ending the process. */
function inheritSettings(command: Command, root: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(root);
    withSettings(child).hook('preAction', (here) => {
      for (const [name, value] of Object.entries(here.opts<Settings>()))
        if (name === 'json' || name === 'project' || name === 'verbose') root.setOptionValue(name, value);
    });
    inheritSettings(child, root);
  }
}

/** Says which functions a name that is not there may have meant. */
async function suggest({ functionName }: CliError, { client, terminal, signal }: CliContext): Promise<void> {
  if (functionName === undefined || signal.aborted) return;
  const names = await functionNames(client).catch(() => []);
  const meant = similarNames(functionName, names);
  if (meant.length > 0) terminal.say(`Did you mean ${meant.join(' or ')}?`);
}

function explain(
  error: unknown,
  { streams, signal }: CliOptions,
  flags: { readonly verbose?: boolean; readonly json?: boolean },
): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (signal.aborted) return exitCodes.interrupted;
  if (error instanceof CliError) {
    streams.stderr.write(`hearth: ${error.message}\n${error.hint === undefined ? '' : `${error.hint}\n`}`);
    if (flags.json === true && error.problem !== undefined)
      streams.stdout.write(`${JSON.stringify(error.problem, null, 2)}\n`);
    return error.exitCode;
  }
  const reason = error instanceof Error ? error.message : String(error);
  streams.stderr.write(
    `hearth: ${reason}\n${flags.verbose === true && error instanceof Error ? `${error.stack}\n` : 'More with --verbose.\n'}`,
  );
  return exitCodes.failure;
}
