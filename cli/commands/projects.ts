import type { Command } from 'commander';
import { type ProjectDocument, projectPageSchema, projectSchema } from '../../shared/api/access.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { allPages } from '../pages.ts';
import { storeProject } from '../profile.ts';
import { confirm } from '../prompts.ts';
import { ago } from '../terminal.ts';

const path = (name: string): string => `/api/v1/projects/${encodeURIComponent(name)}`;

export function registerProjects(program: Command, context: ContextFactory): void {
  const projects = program.command('project').alias('projects').description('projects');
  projects
    .command('list')
    .description('all projects that you may see')
    .action(async () => {
      const { client, terminal } = context();
      const items = await allPages((cursor) =>
        client.get('/api/v1/projects', projectPageSchema, { limit: 200, cursor }),
      );
      terminal.list(items, ['name', 'created', 'description'], (item) => [
        item.name,
        item.name === 'default' ? '-' : ago(item.createdAt),
        item.description,
      ]);
    });
  projects
    .command('create')
    .description('a new project')
    .argument('<name>')
    .option('-d, --description <text>', 'what it is for', '')
    .action(async (name: string, { description }: { readonly description: string }) => {
      const { client, terminal } = context();
      const project = await client.send('POST', '/api/v1/projects', projectSchema, { json: { name, description } });
      terminal.answer(project, `Created ${name}. Work in it with --project ${name}, or: hearth project use ${name}`);
    });
  projects
    .command('show')
    .description('one project, with what is in it for those who may delete it')
    .argument('<name>')
    .action(async (name: string) => {
      const given = context();
      show(given, await given.client.get(path(name), projectSchema));
    });
  projects
    .command('update')
    .description('change what is said of a project; its name never changes')
    .argument('<name>')
    .requiredOption('-d, --description <text>', 'what it is for')
    .action(async (name: string, { description }: { readonly description: string }) => {
      const given = context();
      show(given, await given.client.send('PATCH', path(name), projectSchema, { json: { description } }));
    });
  projects
    .command('use')
    .description('keep the project for later commands')
    .argument('[name]', 'that of the token again when left out')
    .action(async (name: string | undefined) => {
      const { client, environment, terminal } = context();
      if (name !== undefined) await client.get(path(name), projectSchema);
      if (!storeProject(environment, name)) {
        throw new CliError(exitCodes.usage, 'nobody is logged in', {
          hint: 'Run `hearth login` first, or set HEARTH_PROJECT.',
        });
      }
      terminal.say(name === undefined ? 'Back to the project of the token.' : `Later commands are about ${name}.`);
    });
  projects
    .command('delete')
    .description('delete a project without functions, with its tokens')
    .argument('<name>')
    .option('-y, --yes', 'do not ask')
    .action(async (name: string, options: { readonly yes?: boolean }) => {
      const given = context();
      if (options.yes !== true) await confirm(given, name, 'the project and its tokens');
      await given.client.request(path(name), { method: 'DELETE' });
      given.terminal.answer({ deleted: name }, `Deleted ${name}`);
    });
}

function show({ terminal }: CliContext, project: ProjectDocument): void {
  const { name, description, contents } = project;
  const inside =
    contents === null
      ? []
      : Object.entries(contents).map(([what, count]) => `${count} ${count === 1 ? what.slice(0, -1) : what}`);
  terminal.answer(project, [`${name}: ${description || 'no description'}`, ...inside].join('\n'));
}
