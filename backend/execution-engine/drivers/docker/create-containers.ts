import type { SandboxId } from '../../../../shared/ids.ts';
import type { SandboxSpec } from '../../../core/ports/isolation-driver.ts';
import type { ChannelListener } from './channel-listener.ts';
import { containerSpec, type EgressAccess, type EngineWalls } from './container-spec.ts';
import type { EngineClient } from './engine/engine-client.ts';
import { engineErrorCodes, isEngineError } from './engine/engine-errors.ts';
import { agentNameOf, createImageContainers, type ImageContainers } from './image-containers.ts';
import type { RuntimeImages } from './images/runtime-images.ts';
import { labelsOf, type OwnerRecord } from './owner.ts';
import type { Slot } from './slots.ts';

interface ContainerParts {
  readonly engine: EngineClient;
  readonly images: RuntimeImages;
  readonly owner: OwnerRecord;
  readonly walls: EngineWalls;
  readonly slot: Slot;
  readonly channel: ChannelListener;
  readonly spec: SandboxSpec;
  readonly access: EgressAccess | undefined;
  readonly signal: AbortSignal;
}

/** Creates the container of a sandbox, or the two of one that runs a user's image; none is started. A runtime image that is missing is made. */
export async function createContainers(parts: ContainerParts): Promise<ImageContainers> {
  try {
    return await createOnce(parts);
  } catch (error) {
    if (!isEngineError(error, engineErrorCodes.imageMissing)) throw error;
    // Somebody deleted it after we had seen it: made again, once.
    parts.images.forget(parts.spec.plan);
    await removeStray(parts.engine, parts.spec.id);
    return await createOnce(parts);
  }
}

async function createOnce(parts: ContainerParts): Promise<ImageContainers> {
  const { engine, slot, channel, spec, access, signal } = parts;
  const name = containerName(spec.id);
  const image = await parts.images.ensure(spec.plan, signal);
  const input = {
    spec,
    image: image.reference,
    userId: slot.userId,
    paths: slot.paths,
    walls: parts.walls,
    labels: labelsOf(parts.owner, spec.id),
    access,
  };
  const container = spec.image?.container;
  if (container !== undefined)
    return await createImageContainers({ engine, channel, spec, container, input, name, signal });
  return { programId: await engine.createContainer(name, containerSpec(input), signal), agentId: undefined };
}

/** Removes what an aborted or broken request may have made all the same. Never rejects. */
export async function removeStray(engine: EngineClient, id: SandboxId): Promise<void> {
  for (const name of [containerName(id), agentNameOf(containerName(id))])
    await engine.removeContainer(name).catch(() => undefined);
}

function containerName(id: SandboxId): string {
  return `hearth-${id}`;
}
