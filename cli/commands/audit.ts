import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Command } from 'commander';
import { auditVerdictSchema } from '../../shared/api/access.ts';
import { pageOf } from '../../shared/api/paging.ts';
import { auditEntrySchema } from '../../shared/api/system.ts';
import type { ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';

const auditPageSchema = pageOf(auditEntrySchema);

export function registerAudit(program: Command, context: ContextFactory): void {
  const audit = program.command('audit').description('who changed what');
  audit
    .command('list')
    .description('the newest changes')
    .option('-n, --lines <count>', 'how many, at most 200', '50')
    .action(async (options: { readonly lines: string }) => {
      const { client, terminal } = context();
      const { items } = await client.get('/api/v1/audit', auditPageSchema, { limit: options.lines });
      terminal.list(items, ['at', 'project', 'who', 'from', 'action', 'target'], (item) => [
        item.at,
        item.project ?? '-',
        item.actor,
        item.address,
        item.action,
        item.target,
      ]);
    });
  audit
    .command('export')
    .description('everything as NDJSON, oldest first')
    .option('-o, --output <file>', 'stdout when left out')
    .action(async (options: { readonly output?: string }) => {
      const { client, terminal, signal } = context();
      const response = await client.request('/api/v1/audit/export', { signal });
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
