import { PlatformError } from '../../../../shared/errors.ts';
import { MiB } from '../../../../shared/limits.ts';
import type { ContainerImage, SandboxLimits, SandboxSpec } from '../../../core/ports/isolation-driver.ts';
import { guestChannelDirectory } from '../support/runtime-files.ts';
import type { ChannelListener } from './channel-listener.ts';
import {
  type ContainerInput,
  channelSocketName,
  containerSpec,
  hostConfig,
  readOnlyMount,
  resolverMounts,
} from './container-spec.ts';
import type { EngineClient } from './engine/engine-client.ts';
import { engineErrorCodes, isEngineError } from './engine/engine-errors.ts';
import type { ContainerSpec } from './engine/engine-types.ts';

/** From SIGTERM to SIGKILL for the program of an image. */
export const imageGraceSeconds = 3;
/** What the agent beside a program may use, beyond the version's own limits. */
const agentLimits = { memoryMb: 160, maxPids: 32, tmpMb: 1 } as const;
/** Where the Lambda Runtime API listens; the loopback is the sandbox's own. */
const runtimeApiPort = 9001;
/** Each is a tmpfs instead, which is charged to the memory limit. */
const maxVolumes = 8;

export interface ImageStart {
  readonly engine: EngineClient;
  readonly channel: ChannelListener;
  readonly spec: SandboxSpec;
  readonly container: ContainerImage;
  /** As for any sandbox, with `image` the one of the agent. */
  readonly input: ContainerInput;
  readonly name: string;
  readonly signal: AbortSignal;
}

export interface ImageContainers {
  /** Created, not started. */
  readonly programId: string;
  /** Started, with its channel connected. Undefined where the program speaks the agent protocol itself. */
  readonly agentId: string | undefined;
}

/** The name of the container with the agent. */
export const agentNameOf = (name: string): string => `${name}-agent`;

/**
 * Makes the containers of a version that is an image. For `http` and `lambda` there are two that share one network, a loopback without
 * anything else: the agent's, which alone has the control channel, and the program's. What is made is the caller's to remove when this rejects.
 */
export async function createImageContainers(options: ImageStart): Promise<ImageContainers> {
  const { engine, spec, container, input, name, signal } = options;
  const reference = `sha256:${spec.image?.digest}`;
  const { Config } = await findImage(engine, reference, signal);
  const program = (network: string): ContainerSpec =>
    programSpec(input, { reference, container, network, volumes: Object.keys(Config?.Volumes ?? {}) });
  if (container.protocol === 'agent')
    return {
      programId: await engine.createContainer(name, program(input.access?.network ?? 'none'), signal),
      agentId: undefined,
    };
  const agentId = await engine.createContainer(agentNameOf(name), agentSpec(options), signal);
  await engine.startContainer(agentId, signal);
  const [programId] = await Promise.all([
    engine.createContainer(name, program(`container:${agentId}`), signal),
    agentConnected(options, agentId),
  ]);
  return { programId, agentId };
}

async function findImage(engine: EngineClient, reference: string, signal: AbortSignal) {
  try {
    return await engine.inspectImage(reference, signal);
  } catch (error) {
    if (!isEngineError(error, engineErrorCodes.imageMissing)) throw error;
    const message = `the daemon no longer has the image ${reference} of this version; deploy it again`;
    throw new PlatformError('unavailable', 'image_missing', message, { cause: error });
  }
}

/** What the program must be able to reach is there once the agent has connected. */
async function agentConnected({ engine, channel, signal }: ImageStart, agentId: string): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(new PlatformError('unavailable', 'aborted', 'starting was aborted'));
  aborted.promise.catch(() => undefined);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const ended = engine.waitContainer(agentId, signal).then((code) => {
    const message = `the agent beside a container ended with code ${code} before it connected`;
    throw new PlatformError('unavailable', 'sandbox_not_started', message);
  });
  ended.catch(() => undefined);
  try {
    await Promise.race([channel.connected(), ended, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function agentSpec({ input, container, spec }: ImageStart): ContainerSpec {
  const limits: SandboxLimits = { ...spec.limits, ...agentLimits };
  const env = {
    HEARTH_IMAGE_PROTOCOL: container.protocol,
    HEARTH_IMAGE_PORT: String(container.protocol === 'lambda' ? runtimeApiPort : container.port),
    ...(container.readinessPath === undefined ? {} : { HEARTH_IMAGE_READINESS_PATH: container.readinessPath }),
  };
  const plan = { ...spec.plan, env: { ...spec.plan.env, ...env } };
  return containerSpec({ ...input, spec: { ...spec, plan, limits } });
}

/** The walls are those of every sandbox; entry point, files and variables are the image's. */
function programSpec(
  input: ContainerInput,
  image: {
    readonly reference: string;
    readonly container: ContainerImage;
    readonly network: string;
    readonly volumes: readonly string[];
  },
): ContainerSpec {
  const { container, volumes } = image;
  if (volumes.length > maxVolumes) {
    const message = `the image declares ${volumes.length} volumes; at most ${maxVolumes} can be given`;
    throw new PlatformError('unprocessable', 'image_unusable', message);
  }
  const isAgent = container.protocol === 'agent';
  const host = hostConfig(input);
  const tmpfs = `rw,nosuid,nodev,size=${input.spec.limits.tmpMb * MiB},mode=1777`;
  const env = {
    HOME: '/tmp',
    TMPDIR: '/tmp',
    ...container.env,
    ...(container.protocol === 'lambda' ? { AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${runtimeApiPort}` } : {}),
    ...(isAgent ? { HEARTH_CHANNEL: `unix:${guestChannelDirectory}/${channelSocketName}` } : {}),
  };
  return {
    Image: image.reference,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    User: `${input.userId}:${input.userId}`,
    ...(isAgent ? { Hostname: 'sandbox' } : {}),
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: false,
    Tty: false,
    // The daemon would run the image's own check inside, again and again.
    Healthcheck: { Test: ['NONE'] },
    Labels: input.labels,
    HostConfig: {
      ...host,
      NetworkMode: image.network,
      // A volume of the image would be a directory of the host without a limit.
      Tmpfs: { ...host.Tmpfs, ...Object.fromEntries(volumes.map((path) => [path, tmpfs])) },
      Mounts: [
        readOnlyMount(input.paths.passwd, '/etc/passwd'),
        ...resolverMounts(input.access),
        ...(isAgent ? [readOnlyMount(input.paths.channel, guestChannelDirectory)] : []),
      ],
    },
  };
}
