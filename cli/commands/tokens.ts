import type { Command } from 'commander';
import { pageOf } from '../../shared/api/paging.ts';
import { createdTokenSchema, tokenSchema } from '../../shared/api/system.ts';
import type { ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { allPages } from '../pages.ts';
import { ago } from '../terminal.ts';

const tokenPageSchema = pageOf(tokenSchema);

export function registerTokens(program: Command, context: ContextFactory): void {
  const tokens = program.command('token').alias('tokens').description('tokens for programs and pipelines');
  tokens
    .command('list')
    .description('tokens of the project, without their secrets')
    .action(async () => {
      const { client, terminal } = context();
      const items = await allPages((cursor) => client.get('/api/v1/tokens', tokenPageSchema, { limit: 200, cursor }));
      terminal.list(items, ['id', 'name', 'scope', 'project', 'last used', 'expires'], (item) => [
        item.id,
        item.name,
        item.scope,
        item.project ?? 'all',
        item.lastUsedAt === null ? 'never' : ago(item.lastUsedAt),
        item.expiresAt ?? 'never',
      ]);
    });
  tokens
    .command('create')
    .description('a new token; its secret goes to stdout, this once')
    .argument('<name>')
    .option('--scope <scope>', 'read, invoke, deploy or admin', 'deploy')
    .option('--expires-days <days>', 'for ever when left out')
    .option('--all-projects', 'good for all projects, not for one')
    .action(async (name: string, options: CreateOptions) => {
      const { client, terminal } = context();
      const days = options.expiresDays === undefined ? undefined : Number(options.expiresDays);
      if (days !== undefined && !(days > 0))
        throw new CliError(exitCodes.usage, '--expires-days takes a number of days');
      const expiry = days === undefined ? {} : { expiresInSeconds: Math.round(days * 86_400) };
      const json = { name, scope: options.scope, isPlatformWide: options.allProjects === true, ...expiry };
      const token = await client.send('POST', '/api/v1/tokens', createdTokenSchema, { json });
      if (terminal.isJson) terminal.json(token);
      else {
        terminal.print(token.secret);
        terminal.say(
          `Created ${token.id} (${token.scope}, ${token.project ?? 'all projects'}). It is not shown again.`,
        );
      }
    });
  tokens
    .command('revoke')
    .description('end a token at once')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      await client.request(`/api/v1/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' });
      terminal.answer({ revoked: id }, `Revoked ${id}`);
    });
}

interface CreateOptions {
  readonly scope: string;
  readonly expiresDays?: string;
  readonly allProjects?: boolean;
}
