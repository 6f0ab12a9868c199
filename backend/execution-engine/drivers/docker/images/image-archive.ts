import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { RuntimePlan } from '../../../../core/ports/runtime-adapter.ts';
import { agentEntries, imageUserId, runtimeEntries } from '../../support/runtime-files.ts';
import { type TarEntry, writeTar } from '../../support/tar.ts';

/** An image that could be loaded, with everything but its bytes computed. */
export interface ImageArchive {
  /** `hearth/<runtime>:<first 16 hex digits of the digest of its configuration>`; the same inputs make the same name. */
  readonly reference: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of all layers together, uncompressed. */
  readonly sizeBytes: number;
  /** What `POST /images/load` takes; can be opened again. */
  readonly open: () => Readable;
}

interface Layer {
  readonly entries: readonly TarEntry[];
  readonly digest: string;
  readonly sizeBytes: number;
}

export const imageLabels = { runtime: 'hearth.runtime', inputs: 'hearth.inputs' } as const;
const epoch = '1970-01-01T00:00:00Z';
/** OCI names of what Node calls `process.arch`. */
export const ociArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Describes the image of a plan: one layer with the host's own runtime, one with the agent. Reads every file once, for the digests. The format
 * is that of `docker save` with image specification v1.2, which all versions of Docker and Podman load.
 */
export async function describeImage(
  plan: Pick<RuntimePlan, 'runtime' | 'agent' | 'toolchain'>,
  signal: AbortSignal,
): Promise<ImageArchive> {
  const layers = [
    await measure(await runtimeEntries(plan.toolchain, plan.agent), signal),
    await measure(agentEntries(plan.agent), signal),
  ];
  const inputs = createHash('sha256');
  for (const layer of layers) inputs.update(layer.digest);
  const labels = { [imageLabels.runtime]: plan.runtime, [imageLabels.inputs]: inputs.digest('hex') };
  const configuration = Buffer.from(
    JSON.stringify({
      architecture: ociArchitectures[process.arch] ?? process.arch,
      os: 'linux',
      created: epoch,
      config: {
        User: `${imageUserId}:${imageUserId}`,
        WorkingDir: '/app',
        Labels: labels,
        Env: ['PATH=/usr/bin:/bin'],
      },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${layer.digest}`) },
      history: ['runtime of the host', 'agent'].map((text) => ({ created: epoch, created_by: `hearth: ${text}` })),
    }),
  );
  const digest = createHash('sha256').update(configuration).digest('hex');
  const reference = `hearth/${plan.runtime}:${digest.slice(0, 16)}`;
  return {
    reference,
    labels,
    sizeBytes: layers.reduce((total, layer) => total + layer.sizeBytes, 0),
    open: () =>
      Readable.from(writeTar(archiveEntries({ reference, digest, configuration, layers })), { objectMode: false }),
  };
}

function archiveEntries(image: {
  readonly reference: string;
  readonly digest: string;
  readonly configuration: Buffer;
  readonly layers: readonly Layer[];
}): readonly TarEntry[] {
  const manifest = [
    {
      Config: `${image.digest}.json`,
      RepoTags: [image.reference],
      Layers: image.layers.map((layer) => `${layer.digest}/layer.tar`),
    },
  ];
  return [
    ...image.layers.flatMap((layer): readonly TarEntry[] => [
      { kind: 'directory', path: layer.digest, mode: 0o755 },
      {
        kind: 'stream',
        path: `${layer.digest}/layer.tar`,
        mode: 0o644,
        sizeBytes: layer.sizeBytes,
        open: () => writeTar(layer.entries),
      },
    ]),
    { kind: 'bytes', path: `${image.digest}.json`, mode: 0o644, bytes: image.configuration },
    { kind: 'bytes', path: 'manifest.json', mode: 0o644, bytes: Buffer.from(JSON.stringify(manifest)) },
  ];
}

async function measure(entries: readonly TarEntry[], signal: AbortSignal): Promise<Layer> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of writeTar(entries)) {
    signal.throwIfAborted();
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { entries, digest: hash.digest('hex'), sizeBytes };
}
