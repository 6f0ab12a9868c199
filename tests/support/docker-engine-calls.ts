import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';

const id = '0123456789ab';
const network = 'hearth-egress-00000000';
const never = new AbortController().signal;
const archive = (): Readable => Readable.from([Buffer.alloc(1024)]);

/** Every call of the client that the driver makes, about something that does not exist, by the name of the method. */
export const callsInUse: Readonly<Record<string, (engine: EngineClient) => Promise<unknown>>> = {
  ping: (engine) => engine.ping(),
  info: (engine) => engine.info(),
  events: async (engine) => {
    const over = new AbortController();
    await engine.events({ label: ['hearth.none'] }, over.signal);
    over.abort();
  },
  listContainers: (engine) => engine.listContainers({ label: ['hearth.none'] }),
  listImages: (engine) => engine.listImages({ label: ['hearth.none'] }),
  createContainer: (engine) => engine.createContainer('hearth-none', { Image: 'hearth/none:none' } as never),
  startContainer: (engine) => engine.startContainer(id),
  stopContainer: (engine) => engine.stopContainer(id, 0),
  waitContainer: (engine) => engine.waitContainer(id),
  attachOutput: (engine) => engine.attachOutput(id),
  pauseContainer: (engine) => engine.pauseContainer(id),
  unpauseContainer: (engine) => engine.unpauseContainer(id),
  inspectContainer: (engine) => engine.inspectContainer(id),
  stats: (engine) => engine.stats(id),
  removeContainer: (engine) => engine.removeContainer(id),
  inspectImage: (engine) => engine.inspectImage('registry.example.com/team/web:1.4@sha256:00'),
  tagImage: (engine) => engine.tagImage('hearth/none:none', 'hearth/kept', 'none'),
  loadImage: (engine) => engine.loadImage(archive()),
  pullImage: (engine) =>
    engine.pullImage({ repository: '127.0.0.1:1/none', tag: 'none', authorization: undefined }, never, () => undefined),
  createNetwork: (engine) => engine.createNetwork({ Driver: 'none-such' } as never),
  inspectNetwork: (engine) => engine.inspectNetwork(network),
  removeNetwork: (engine) => engine.removeNetwork(network),
};

/** Names of the client's methods that any source file of the driver calls. */
export function callsInSource(): readonly string[] {
  const folder = join(import.meta.dirname, '../../backend/execution-engine/drivers/docker');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.includes('engine-client'),
  );
  const methods = new Set(Object.getOwnPropertyNames(EngineClient.prototype).filter((name) => name !== 'constructor'));
  const found = files.flatMap((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    return [...text.matchAll(/engine\s*\.\s*(\w+)\s*\(/g)].map((match) => match[1] ?? '');
  });
  return [...new Set(found)].filter((name) => methods.has(name) && name !== 'close').sort();
}
