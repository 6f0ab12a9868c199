import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { craftTarGz } from './archives.ts';
import { readProcess } from './process-tree.ts';
import { pidsOfHost } from './sandbox-traces.ts';

/** A package registry on the loopback that npm understands, with one version of each package, and a gate that holds its answers back. */
export class NpmRegistry {
  readonly #packages = new Map<string, Buffer>();
  readonly #server = createServer(async (request, response) => {
    this.#onRequest?.();
    await this.gate;
    const path = decodeURIComponent(request.url ?? '');
    const name = path.replace(/^\//, '').replace(/\/-\/.*$/, '');
    const packed = this.#packages.get(name);
    if (packed === undefined) response.writeHead(404).end('{"error":"Not found"}');
    else if (path.endsWith('.tgz')) response.end(packed);
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(this.#document(name, packed)));
  });
  #onRequest: (() => void) | undefined;
  /** Nothing is answered until it resolves. */
  gate: Promise<void> = Promise.resolve();

  static async start(): Promise<NpmRegistry> {
    const registry = new NpmRegistry();
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Publishes 1.0.0 of a CommonJS package. */
  publish(name: string, source: string): void {
    const manifest = JSON.stringify({ name, version: '1.0.0', main: 'index.js' });
    const files = { 'package.json': manifest, 'index.js': source };
    const entries = Object.entries(files).map(([path, content]) => ({ name: `package/${path}`, content }));
    this.#packages.set(name, craftTarGz(entries));
  }

  /** Resolves with the next request, which then waits like all others for the gate. */
  requested(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRequest = resolve;
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #document(name: string, packed: Buffer): object {
    const integrity = `sha512-${createHash('sha512').update(packed).digest('base64')}`;
    const dist = { tarball: `${this.url}${name}/-/${name}-1.0.0.tgz`, integrity };
    return { name, 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': { name, version: '1.0.0', dist } } };
  }
}

/** Processes whose command line or mounts name this folder: bubblewrap itself, and what it holds. */
export const sandboxedIn = (folder: string): readonly number[] =>
  pidsOfHost().filter(
    (pid) => pid !== process.pid && ['cmdline', 'mountinfo'].some((file) => readProcess(pid, file).includes(folder)),
  );
