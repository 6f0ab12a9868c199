import type { Command } from 'commander';
import { memberPageSchema, memberSchema } from '../../shared/api/access.ts';
import { roles } from '../../shared/roles.ts';
import type { ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { allPages } from '../pages.ts';
import { isRole } from './users.ts';

const path = (name: string): string => `/api/v1/members/${encodeURIComponent(name)}`;

/** `hearth member`: the people of one project, for its owners. */
export function registerMembers(program: Command, context: ContextFactory): void {
  const members = program.command('member').alias('members').description('people of the project, and their roles');
  members
    .command('list')
    .description('who has a role in the project; owners of all projects are not among them')
    .action(async () => {
      const { client, terminal } = context();
      const items = await allPages((cursor) => client.get('/api/v1/members', memberPageSchema, { limit: 200, cursor }));
      terminal.list(items, ['name', 'role'], (item) => [item.name, item.role]);
    });
  members
    .command('set')
    .description('give a user a role in the project, or another one')
    .argument('<user>')
    .argument('<role>', roles.join(', '))
    .action(async (user: string, role: string) => {
      const { client, terminal } = context();
      if (!isRole(role))
        throw new CliError(exitCodes.usage, `${role} is not a role`, { hint: `Roles are ${roles.join(', ')}.` });
      const member = await client.send('PUT', path(user), memberSchema, { json: { role } });
      terminal.answer(member, `${member.name} is ${member.role}`);
    });
  members
    .command('remove')
    .description('take the role of a user in the project away')
    .argument('<user>')
    .action(async (user: string) => {
      const { client, terminal } = context();
      await client.request(path(user), { method: 'DELETE' });
      terminal.answer({ removed: user }, `${user} has no role in this project any more`);
    });
}
