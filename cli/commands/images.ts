import type { Command } from 'commander';
import { builtRuntimeImageSchema, runtimeImagesSchema } from '../../shared/api/system.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { availableRuntimes } from './available-runtimes.ts';

const path = '/api/v1/system/images';

export function registerImages(program: Command, context: ContextFactory): void {
  const images = program.command('images').description('images that containers are started from');
  images
    .command('build')
    .description("make the images of this host's runtimes, those that are not there")
    .argument('[runtime...]', 'nodejs, python, custom, image; all that the platform has when left out')
    .action(async (runtimes: readonly string[]) => await buildImages(context(), runtimes));
  images
    .command('list')
    .description('images that are there')
    .action(async () => await listImages(context()));
}

async function buildImages({ client, terminal }: CliContext, wanted: readonly string[]): Promise<void> {
  const runtimes = wanted.length > 0 ? wanted : await availableRuntimes(client);
  const built = [];
  for (const runtime of runtimes) {
    terminal.say(`${runtime}: making its image; the first time takes some seconds`);
    const image = await client.send('POST', path, builtRuntimeImageSchema, { json: { runtime } });
    for (const line of image.progress) terminal.say(`${runtime}: ${line}`);
    built.push(image);
  }
  if (terminal.isJson) terminal.json(built);
  else for (const image of built) terminal.print(image.reference);
}

async function listImages({ client, terminal }: CliContext): Promise<void> {
  const { images } = await client.get(path, runtimeImagesSchema);
  if (terminal.isJson) terminal.json(images);
  else if (images.length === 0)
    terminal.say('No images yet. They are made when they are needed, or now: hearth images build');
  else {
    terminal.table(
      ['image', 'runtime', 'isolation', 'digest', 'size'],
      images.map((image) => [
        image.reference,
        image.runtime,
        image.driver,
        image.digest.replace('sha256:', '').slice(0, 12),
        `${(image.sizeBytes / 1e6).toFixed(1)} MB`,
      ]),
    );
  }
}
