import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { namePattern } from '../../shared/ids.ts';
import { manifestFile, manifestSchemaPath } from '../../shared/manifest.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { templates } from '../templates.ts';

interface Options {
  readonly template: string;
  readonly name?: string;
}

export function registerInit(program: Command, context: ContextFactory): void {
  program
    .command('init')
    .description('start a function from a template')
    .argument('[directory]', 'where', '.')
    .option('-t, --template <name>', templates.map((template) => template.name).join(', '), 'ts-http')
    .option('-n, --name <name>', "the function's name; the folder's when left out")
    .option('-y, --yes', 'accepted for scripts: nothing is asked')
    .addHelpText(
      'after',
      `\nTemplates:\n${templates.map((template) => `  ${template.name.padEnd(10)} ${template.description}`).join('\n')}`,
    )
    .action((directory: string, options: Options) => init(context(), directory, options));
}

function init(context: CliContext, directory: string, options: Options): void {
  const template = templates.find((candidate) => candidate.name === options.template);
  if (template === undefined) {
    throw new CliError(exitCodes.usage, `there is no template ${options.template}`, {
      hint: `There are ${templates.map((candidate) => candidate.name).join(', ')}.`,
    });
  }
  const target = resolve(context.directory, directory);
  const name = options.name ?? basename(target).toLowerCase();
  if (!namePattern.test(name))
    throw new CliError(exitCodes.usage, `${name} cannot be a function's name`, {
      hint: 'Lower-case letters, digits and hyphens; say another with --name.',
    });
  const clash = [manifestFile, ...Object.keys(template.files)].find((file) => existsSync(join(target, file)));
  if (clash !== undefined)
    throw new CliError(exitCodes.conflict, `${join(target, clash)} is there already; nothing was written`);
  const isNewFolder = !existsSync(target) || readdirSync(target).length === 0;
  mkdirSync(target, { recursive: true });
  // Editors complete and check the file with it, wherever the platform can be reached.
  const $schema = `${context.client.url}${manifestSchemaPath}`;
  const manifest = `${JSON.stringify({ $schema, name, ...template.manifest }, null, 2)}\n`;
  const files = { [manifestFile]: manifest, ...template.files };
  for (const [file, content] of Object.entries(files))
    writeFileSync(join(target, file), content, { mode: file === 'bootstrap' ? 0o755 : 0o644 });
  const where = relative(context.directory, target) || '.';
  context.terminal.answer(
    { name, directory: target, files: Object.keys(files) },
    `Wrote ${Object.keys(files).join(' and ')}${isNewFolder ? ` into ${where}` : ''}.\nNext: hearth deploy ${where}`,
  );
}
