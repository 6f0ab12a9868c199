import type { Command } from 'commander';
import { type UserDocument, userPageSchema, userSchema } from '../../shared/api/access.ts';
import { type Role, roles } from '../../shared/roles.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { allPages } from '../pages.ts';
import { askPassword, confirm } from '../prompts.ts';
import { ago } from '../terminal.ts';
import { readSecret } from './login.ts';

const path = (name: string): string => `/api/v1/users/${encodeURIComponent(name)}`;
type Held = UserDocument['roles'][number];

export function registerUsers(program: Command, context: ContextFactory): void {
  const users = program.command('user').alias('users').description('people and their roles');
  users
    .command('list')
    .description('all users')
    .action(async () => {
      const { client, terminal } = context();
      const items = await allPages((cursor) => client.get('/api/v1/users', userPageSchema, { limit: 200, cursor }));
      terminal.list(items, ['name', 'state', 'created', 'roles'], (item) => [
        item.name,
        stateOf(item),
        ago(item.createdAt),
        rolesText(item.roles),
      ]);
    });
  users
    .command('create')
    .description('a new user; the password is asked for, or comes from --password-file')
    .argument('<name>')
    .option('--role <project=role>', 'a role in a project, or in all of them: *=owner; repeat for more', addRole, [])
    .option('--password-file <file>', 'a file with the password; - reads it from stdin')
    .option('--no-password', 'the user cannot sign in with one')
    .action(async (name: string, options: CreateOptions) => {
      const given = context();
      const password = await newPassword(given, name, options);
      const json = { name, roles: options.role, ...(password === undefined ? {} : { password }) };
      show(given, await given.client.send('POST', '/api/v1/users', userSchema, { json }));
    });
  users
    .command('grant')
    .description('give a role in a project, or in all of them (*)')
    .argument('<name>')
    .argument('<project=role>', 'for example acme=developer', (text: string) => addRole(text, []))
    .action(async (name: string, [granted]: readonly Held[]) => {
      await changeRoles(context(), name, granted?.project ?? '', granted);
    });
  users
    .command('revoke')
    .description('take the role in a project away')
    .argument('<name>')
    .argument('<project>')
    .action(async (name: string, project: string) => await changeRoles(context(), name, project, undefined));
  users
    .command('password')
    .description('give a user another password, which ends all sessions; yours is changed with hearth password')
    .argument('<name>')
    .option('--password-file <file>', 'a file with the password; - reads it from stdin')
    .action(async (name: string, options: { readonly passwordFile?: string }) => {
      const given = context();
      const password = await newPassword(given, name, { ...options, password: true });
      show(given, await given.client.send('PATCH', path(name), userSchema, { json: { password } }));
    });
  for (const [command, isDisabled] of [
    ['disable', true],
    ['enable', false],
  ] as const) {
    users
      .command(command)
      .description(isDisabled ? 'end all sessions of a user and let none begin' : 'let a user in again')
      .argument('<name>')
      .action(async (name: string) => {
        const given = context();
        show(given, await given.client.send('PATCH', path(name), userSchema, { json: { isDisabled } }));
      });
  }
  users
    .command('delete')
    .description('delete a user')
    .argument('<name>')
    .option('-y, --yes', 'do not ask')
    .action(async (name: string, options: { readonly yes?: boolean }) => {
      const given = context();
      if (options.yes !== true) await confirm(given, name, 'the user');
      await given.client.request(path(name), { method: 'DELETE' });
      given.terminal.answer({ deleted: name }, `Deleted ${name}`);
    });
}

interface CreateOptions {
  readonly role: readonly Held[];
  readonly passwordFile?: string;
  readonly password: boolean;
}

/** Whether it is the name of a role. */
export const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text);

function addRole(text: string, before: readonly Held[]): readonly Held[] {
  const at = text.lastIndexOf('=');
  const role = text.slice(at + 1);
  if (at > 0 && isRole(role)) return [...before, { project: text.slice(0, at), role }];
  throw new CliError(exitCodes.usage, `${text} is not project=role`, { hint: `Roles are ${roles.join(', ')}.` });
}

async function newPassword(
  context: CliContext,
  name: string,
  options: Omit<CreateOptions, 'role'>,
): Promise<string | undefined> {
  if (!options.password) return undefined;
  if (options.passwordFile !== undefined) return await readSecret(context, options.passwordFile);
  const password = await askPassword(context, `Password for ${name}: `);
  if ((await askPassword(context, 'Again: ')) === password) return password;
  throw new CliError(exitCodes.usage, 'the two passwords are not the same');
}

async function changeRoles(
  context: CliContext,
  name: string,
  project: string,
  granted: Held | undefined,
): Promise<void> {
  const { client } = context;
  const user = await client.get(path(name), userSchema);
  const others = user.roles.filter((held) => held.project !== project);
  const json = { roles: granted === undefined ? others : [...others, granted] };
  show(context, await client.send('PATCH', path(name), userSchema, { json }));
}

function show({ terminal }: CliContext, user: UserDocument): void {
  terminal.answer(user, `${user.name}: ${stateOf(user)}, ${rolesText(user.roles)}`);
}

const stateOf = (user: UserDocument) => (user.isDisabled ? 'disabled' : user.hasPassword ? 'active' : 'no password');
const rolesText = (held: readonly Held[]) =>
  held.map(({ project, role }) => `${project}=${role}`).join(' ') || 'no role';
