import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { sha256, type TestImage } from './test-image.ts';

interface Blob {
  readonly bytes: Buffer;
  readonly type: string;
}

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';
const layerType = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const configType = 'application/vnd.docker.container.image.v1+json';

/**
 * A registry on the loopback, to which daemons speak plain HTTP: the reading half of the distribution specification
 * (https://github.com/opencontainers/distribution-spec), with basic authentication if `account` (`user:password`) is given.
 */
export class TestRegistry {
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #blobs = new Map<string, Blob>();
  readonly #tags = new Map<string, string>();
  readonly #account: string | undefined;
  /** Layers are held back until it resolves. */
  gate: Promise<void> = Promise.resolve();
  /** Paths that were asked for with success. */
  readonly served: string[] = [];

  constructor(account?: string) {
    this.#account = account;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  /** Host and port, the beginning of a reference. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Makes an image available; returns the digest of its manifest. */
  push(name: string, tag: string, { configuration, layer }: TestImage): string {
    const packed = gzipSync(layer);
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: { mediaType: configType, size: configuration.length, digest: this.#keep(configuration, configType) },
        layers: [{ mediaType: layerType, size: packed.length, digest: this.#keep(packed, layerType) }],
      }),
    );
    const digest = this.#keep(manifest, manifestType);
    this.#tags.set(`${name}:${tag}`, digest);
    return digest;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(bytes: Buffer, type: string): string {
    const digest = `sha256:${sha256(bytes)}`;
    this.#blobs.set(digest, { bytes, type });
    return digest;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    if (
      this.#account !== undefined &&
      request.headers.authorization !== `Basic ${Buffer.from(this.#account).toString('base64')}`
    ) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"', 'content-type': 'application/json' });
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
      return;
    }
    const match = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(request.url ?? '');
    const [, name = '', kind = '', reference = ''] = match ?? [];
    const digest = this.#tags.get(`${name}:${reference}`) ?? reference;
    const blob = this.#blobs.get(digest);
    if (request.url === '/v2/') response.end('{}');
    else if (blob === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
    } else {
      if (kind === 'blobs' && blob.type === layerType) await this.gate;
      this.served.push(request.url ?? '');
      response.writeHead(200, {
        'content-type': blob.type,
        'content-length': blob.bytes.length,
        'docker-content-digest': digest,
      });
      response.end(request.method === 'HEAD' ? undefined : blob.bytes);
    }
  }
}
