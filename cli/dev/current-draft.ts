import { createHash } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { createdDraftSchema, deployedSchema, type RouteInput } from '../../shared/api/functions.ts';
import { OwnRoutes } from '../../shared/own-routes.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../exit-codes.ts';
import { draftConfig, readSourceFolder, type SourceFolder, uploadForm, warnOfSecrets } from '../source-folder.ts';
import { printable } from '../terminal.ts';

/** Where a draft takes calls, and what the gateway would know of it. */
export interface BuiltDraft {
  readonly functionName: string;
  /** Of the API. */
  readonly path: string;
  readonly routes: OwnRoutes<RouteInput>;
  /** Of the draft: what the manifest leaves out is that of the latest version. */
  readonly config: VersionConfig;
}

/** The draft of a folder as it is now: built anew when the folder has changed, or when the platform has let go of it. */
export class CurrentDraft {
  readonly #context: CliContext;
  readonly #directory: string;
  /** Told which folders the bundle came from, whenever it was read. */
  readonly #onRead: (folders: ReadonlySet<string>) => void;
  #latest: Promise<BuiltDraft> | undefined;
  /** What the platform has, also while what is in the folder cannot be built. */
  #held: BuiltDraft | undefined;
  /** Of what `#held` was built from. */
  #fingerprint = '';

  constructor(context: CliContext, directory: string, onRead: (folders: ReadonlySet<string>) => void) {
    this.#context = context;
    this.#directory = resolve(context.directory, directory);
    this.#onRead = onRead;
  }

  /** Waits for a build that is under way. Rejects as the last build did. */
  get(): Promise<BuiltDraft> {
    return this.#latest ?? this.refresh();
  }

  /** The folder may have changed: builds what is in it now, unless that is what was built last. One build after the other, so the last is of the newest state. */
  refresh(): Promise<BuiltDraft> {
    const before = this.#latest?.catch(() => undefined);
    const next = (async () => {
      await before;
      return await this.#make();
    })();
    this.#latest = next;
    // Whoever asks for it hears of a failure.
    next.catch(() => undefined);
    return next;
  }

  /** The platform does not have this one any more. */
  renew(gone: BuiltDraft): Promise<BuiltDraft> {
    if (this.#held === gone) this.#held = undefined;
    return this.refresh();
  }

  /** Deletes it; what cannot be deleted now goes by itself. */
  async close(): Promise<void> {
    await this.#latest?.catch(() => undefined);
    await this.#delete(this.#held);
  }

  async #make(): Promise<BuiltDraft> {
    const { terminal } = this.#context;
    const source = await this.#read();
    const fingerprint = fingerprintOf(source);
    if (this.#held !== undefined && fingerprint === this.#fingerprint) return this.#held;
    const startedAt = performance.now();
    const built = await this.#build(source);
    const before = this.#held;
    this.#held = built;
    this.#fingerprint = fingerprint;
    const tookMs = Math.round(performance.now() - startedAt);
    terminal.say(terminal.style('dim', `built ${source.manifest.name} in ${tookMs} ms`));
    await this.#delete(before);
    return built;
  }

  async #read(): Promise<SourceFolder> {
    try {
      const source = await readSourceFolder(this.#directory);
      this.#onRead(new Set([this.#directory, ...source.files.map(({ path }) => join(this.#directory, dirname(path)))]));
      return source;
    } catch (error) {
      this.#onRead(new Set([this.#directory]));
      throw error;
    }
  }

  async #build(source: SourceFolder): Promise<BuiltDraft> {
    const { client, signal, terminal } = this.#context;
    const { manifest } = source;
    const routes = new OwnRoutes<RouteInput>(manifest.routes);
    const path = `${functionPath(manifest.name)}/drafts`;
    const send = () =>
      client.send('POST', path, createdDraftSchema, { body: uploadForm(source, draftConfig(manifest)), signal });
    const { draft, buildLog } = await send().catch(async (error: unknown) => {
      if (!(error instanceof CliError) || error.problem?.code !== 'function_not_found') throw error;
      await this.#create(source);
      return await send();
    });
    for (const line of buildLog) terminal.say(terminal.style('dim', `  | ${printable(line)}`));
    return { functionName: manifest.name, path: `${path}/${draft.id}`, routes, config: draft.config };
  }

  /** Drafts belong to a function: one that is new gets its first version, without traffic, routes or schedules. */
  async #create(source: SourceFolder): Promise<void> {
    const { client, signal, terminal } = this.#context;
    warnOfSecrets(source, terminal);
    const { name } = source.manifest;
    const body = uploadForm(source, { ...draftConfig(source.manifest), name, promote: false });
    await client.send('POST', '/api/v1/functions', deployedSchema, { body, signal });
    terminal.say(
      `${name} is new here: made it, with a first version that gets no traffic (hearth deploy makes one that does)`,
    );
  }

  async #delete(draft: BuiltDraft | undefined): Promise<void> {
    if (draft === undefined) return;
    await this.#context.client.request(draft.path, { method: 'DELETE' }).catch(() => undefined);
  }
}

function fingerprintOf({ manifest, archive }: SourceFolder): string {
  return createHash('sha256').update(JSON.stringify(manifest)).update('\n').update(archive).digest('hex');
}
