import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { type Command, Option } from 'commander';
import { auditVerdictSchema } from '../../shared/api/access.ts';
import { pageOf } from '../../shared/api/paging.ts';
import { auditEntrySchema } from '../../shared/api/system.ts';
import { auditActions, auditOutcomes, auditResources } from '../../shared/audit-actions.ts';
import type { ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { timeOf } from './logs.ts';

const auditPageSchema = pageOf(auditEntrySchema);

interface FilterOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly resource?: string;
  readonly target?: string;
  readonly outcome?: string;
  readonly since?: string;
  readonly until?: string;
}

const withFilters = (command: Command): Command =>
  command
    .option('--actor <name>', 'of this user or token, by name or id')
    .addOption(new Option('--action <action>', 'such as secret.put').choices(auditActions))
    .addOption(new Option('--resource <kind>', 'done to things of this kind, such as function').choices(auditResources))
    .option('--target <name>', 'done to this thing')
    .addOption(new Option('--outcome <outcome>').choices(auditOutcomes))
    .option('--since <time>', 'from: 15m, 2h, 3d, or an RFC 3339 time')
    .option('--until <time>', 'before, written like --since');

const filterOf = ({ actor, action, resource, target, outcome, since, until }: FilterOptions) => ({
  ...{ actor, action, resource, target, outcome },
  ...{ from: timeOf(since), to: timeOf(until) },
});

export function registerAudit(program: Command, context: ContextFactory): void {
  const audit = program.command('audit').description('who changed what');
  withFilters(audit.command('list'))
    .description('the newest changes, or those that match')
    .option('-n, --lines <count>', 'how many, at most 200', '50')
    .action(async (options: FilterOptions & { readonly lines: string }) => {
      const { client, terminal } = context();
      const query = { limit: options.lines, ...filterOf(options) };
      const { items } = await client.get('/api/v1/audit', auditPageSchema, query);
      terminal.list(items, ['at', 'project', 'who', 'from', 'action', 'target'], (item) => [
        item.at,
        item.project ?? '-',
        item.actor,
        item.address,
        item.action,
        item.target,
      ]);
    });
  withFilters(audit.command('export'))
    .description('everything, or what matches, as NDJSON, oldest first')
    .option('-o, --output <file>', 'stdout when left out')
    .action(async (options: FilterOptions & { readonly output?: string }) => {
      const { client, terminal, signal } = context();
      const response = await client.request('/api/v1/audit/export', { query: filterOf(options), signal });
      if (response.body === null) return;
      const lines = Readable.fromWeb(response.body as ReadableStream);
      if (options.output !== undefined) await pipeline(lines, createWriteStream(options.output, { mode: 0o600 }));
      else for await (const chunk of lines) terminal.streams.stdout.write(chunk as Uint8Array);
    });
  audit
    .command('verify')
    .description('walk the chain of the whole trail: was an entry changed, removed or put in?')
    .action(async () => {
      const { client, terminal } = context();
      const verdict = await client.get('/api/v1/audit/verify', auditVerdictSchema);
      if (terminal.isJson) terminal.json(verdict);
      else if (verdict.isIntact) terminal.print(`intact: ${verdict.entries} entries, head ${verdict.head}`);
      if (verdict.isIntact) return;
      const where = verdict.brokenAt === null ? '' : ` at ${verdict.brokenAt}`;
      throw new CliError(exitCodes.failure, `broken after ${verdict.entries} entries${where}: ${verdict.reason}`);
    });
}
