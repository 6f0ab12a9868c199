import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TarEntry, writeTar } from '../../backend/execution-engine/drivers/support/tar.ts';

/** An image in the parts that registries and `docker load` know. */
export interface TestImage {
  readonly configuration: Buffer;
  readonly layer: Buffer;
}

export interface TestImageOptions {
  readonly entries: readonly TarEntry[];
  /** Goes into the configuration, as Docker spells it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Why no static program can be built here, or undefined. */
export function whyNoStaticPrograms(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-cc-'));
  try {
    const made = spawnSync('cc', ['-static', '-x', 'c', '-', '-o', join(directory, 'a')], {
      input: 'int main(void){return 0;}',
    });
    return made.status === 0 ? undefined : 'no C compiler that links statically is installed';
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Compiles a fixture to one file that needs nothing else. */
export function compileStatic(fixture: string): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-cc-'));
  try {
    const output = join(directory, 'program');
    const made = spawnSync('cc', ['-static', '-O1', '-o', output, join(import.meta.dirname, '../fixtures', fixture)]);
    if (made.status !== 0) throw new Error(String(made.stderr));
    return readFileSync(output);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export async function makeTestImage(options: TestImageOptions): Promise<TestImage> {
  const chunks: Buffer[] = [];
  for await (const chunk of writeTar(options.entries)) chunks.push(chunk);
  const layer = Buffer.concat(chunks);
  const configuration = Buffer.from(
    JSON.stringify({
      architecture: options.architecture ?? (process.arch === 'x64' ? 'amd64' : process.arch),
      os: 'linux',
      config: options.config,
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
      history: [{ created_by: 'a test' }],
    }),
  );
  return { configuration, layer };
}

/** What `POST /images/load` takes. */
export function imageArchive({ configuration, layer }: TestImage, tag: string): Readable {
  const names = { config: `${sha256(configuration)}.json`, layer: `${sha256(layer)}/layer.tar` };
  const manifest = [{ Config: names.config, RepoTags: [tag], Layers: [names.layer] }];
  const entries: TarEntry[] = [
    { kind: 'directory', path: sha256(layer), mode: 0o755 },
    { kind: 'bytes', path: names.layer, mode: 0o644, bytes: layer },
    { kind: 'bytes', path: names.config, mode: 0o644, bytes: configuration },
    { kind: 'bytes', path: 'manifest.json', mode: 0o644, bytes: Buffer.from(JSON.stringify(manifest)) },
  ];
  return Readable.from(writeTar(entries), { objectMode: false });
}
