import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toEngineEndpoint } from '../../backend/execution-engine/drivers/docker/engine/endpoint.ts';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';
import { DockerContainerImages } from '../../backend/execution-engine/drivers/docker/images/container-images.ts';
import { runCli } from '../../cli/program.ts';
import { pullsSchema } from '../../shared/api/system.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';
import { eventually, type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { TestRegistry } from '../support/registry.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { makeTestImage, sha256, type TestImage } from '../support/test-image.ts';

const dockerHost = process.env['DOCKER_HOST'] ?? '';
const reason = await whyNoEngine(dockerHost);
const account = 'robot:pass:word';

describe.skipIf(reason !== undefined)(`images of a registry${skippedFor(reason)}`, () => {
  const open = new TestRegistry();
  const closed = new TestRegistry(account);
  let engine: EngineClient;
  let images: DockerContainerImages;
  let first: TestImage;
  let second: TestImage;
  const { signal } = new AbortController();

  beforeAll(async () => {
    await Promise.all([open.start(), closed.start()]);
    engine = new EngineClient({ endpoint: toEngineEndpoint(dockerHost) });
    images = new DockerContainerImages(engine);
    const image = (name: string) =>
      makeTestImage({
        entries: [{ kind: 'bytes', path: 'app', mode: 0o755, bytes: Buffer.from(`${name} ${open.host}`) }],
        config: { Cmd: ['/app'] },
      });
    [first, second] = await Promise.all([image('first'), image('second')]);
  });
  afterAll(async () => {
    for (const image of [first, second]) {
      const id = `sha256:${sha256(image.configuration)}`;
      const { RepoTags = [] } = (await engine.inspectImage(id).catch(() => ({}))) as { RepoTags?: string[] };
      for (const tag of RepoTags) await engine.removeImage(tag).catch(() => undefined);
    }
    engine.close();
    await Promise.all([open.close(), closed.close()]);
  });

  const refusal = async (request: Promise<unknown>): Promise<unknown> =>
    await request.then(
      () => 'nothing was refused',
      (error: { code?: string; message?: string }) => `${error.code}: ${error.message}`,
    );

  it('pulls what is missing, records the digest, and asks again only when told to', async () => {
    const reference = `${open.host}/team/app:1`;
    const manifest = open.push('team/app', '1', first);
    const pulled = await images.resolve({ reference, pull: 'missing', credential: undefined }, signal);
    expect(pulled).toMatchObject({ digest: sha256(first.configuration), pinned: `${open.host}/team/app@${manifest}` });
    expect(pulled.progress.join('\n')).toContain(`pulled ${reference}: 1 layers`);
    open.push('team/app', '1', second);
    const same = await images.resolve({ reference, pull: 'missing', credential: undefined }, signal);
    expect(same.digest).toBe(sha256(first.configuration));
    const newer = await images.resolve({ reference, pull: 'always', credential: undefined }, signal);
    expect(newer.digest).toBe(sha256(second.configuration));
    const pinned = await images.resolve(
      { reference: pulled.pinned ?? '', pull: 'missing', credential: undefined },
      signal,
    );
    expect(pinned.digest).toBe(sha256(first.configuration));
    expect(images.pulls()).toEqual([]);
  });

  it('says what is not there', async () => {
    const request = { reference: `${open.host}/team/nothing:9`, pull: 'missing', credential: undefined } as const;
    expect(await refusal(images.resolve(request, signal))).toMatch(/^image_not_found: there is no image .*nothing:9/);
    const nowhere = { ...request, reference: '127.0.0.1:1/app:1' };
    expect(await refusal(images.resolve(nowhere, signal))).toMatch(/^image_not_pulled: .*could not be pulled/);
  });

  it('uses the credential, and only for this pull', async () => {
    closed.push('private/app', '1', first);
    const request = { reference: `${closed.host}/private/app:1`, pull: 'always', credential: undefined } as const;
    expect(await refusal(images.resolve(request, signal))).toMatch(/^image_denied: .*pullSecret/);
    expect(await refusal(images.resolve({ ...request, credential: 'robot:wrong' }, signal))).toMatch(
      /^image_denied: .*check the user/,
    );
    expect(await refusal(images.resolve({ ...request, credential: 'nonsense' }, signal))).toMatch(
      /^image_denied: .*user:password/,
    );
    const pulled = await images.resolve({ ...request, credential: account }, signal);
    expect(pulled.digest).toBe(sha256(first.configuration));
    expect(JSON.stringify(pulled)).not.toContain('pass');
    expect(await refusal(images.resolve(request, signal))).toMatch(/^image_denied/);
  });

  it('a pull can be given up', async () => {
    const gate = Promise.withResolvers<void>();
    open.gate = gate.promise;
    const slow = await makeTestImage({
      entries: [{ kind: 'bytes', path: 'x', mode: 0o644, bytes: Buffer.from('slow') }],
      config: { Cmd: ['/x'] },
    });
    open.push('slow/app', '1', slow);
    const giveUp = new AbortController();
    const request = { reference: `${open.host}/slow/app:1`, pull: 'missing', credential: undefined } as const;
    const pull = refusal(images.resolve(request, giveUp.signal));
    await eventually(() => expect(images.pulls()).toMatchObject([{ reference: request.reference, layers: 1 }]));
    giveUp.abort();
    expect(await pull).toMatch(/aborted/);
    expect(images.pulls()).toEqual([]);
    gate.resolve();
  });

  describe('through the platform', () => {
    let platform: Platform;
    const directory = mkdtempSync(join(tmpdir(), 'hearth-image-'));
    beforeAll(async () => {
      platform = await startPlatform({ environment: { HEARTH_DOCKER_HOST: dockerHost, HEARTH_PREWARM: '0' } });
      await untilHealthy(platform, 'docker');
    });
    afterAll(async () => {
      await platform.dispose();
      rmSync(directory, { recursive: true, force: true });
    });

    it('asks a private registry with a secret of the project', async () => {
      closed.push('private/deployed', '1', first);
      const deploy = async (pullSecret: string | null) =>
        await platform.api('POST', '/api/v1/functions', {
          name: 'from-private',
          image: { reference: `${closed.host}/private/deployed:1`, pull: 'always', pullSecret },
        });
      const without = await deploy(null);
      expect(await without.json()).toMatchObject({ code: 'image_denied' });
      expect((await deploy('REGISTRY')).status).toBeGreaterThanOrEqual(400);
      expect((await platform.api('PUT', '/api/v1/secrets/REGISTRY', { value: account })).status).toBeLessThan(300);
      const response = await deploy('REGISTRY');
      const said = await response.text();
      expect(response.status, said).toBe(201);
      expect(said).not.toContain('pass:word');
    });

    it('shows the progress of a pull in the API and the command line', async () => {
      const gate = Promise.withResolvers<void>();
      open.gate = gate.promise;
      // Random, so that it does not pack; large enough for the daemon to report on it.
      const bytes = Buffer.alloc(3_000_000);
      for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
      const image = await makeTestImage({
        entries: [{ kind: 'bytes', path: 'x', mode: 0o755, bytes }],
        config: { Cmd: ['/x'] },
      });
      const manifest = open.push('shown/app', '1', image);
      const reference = `${open.host}/shown/app:1`;
      writeFileSync(join(directory, 'hearth.json'), JSON.stringify({ name: 'shown', image: { reference } }));
      const stderr = new PassThrough();
      const stdout = new PassThrough();
      let said = '';
      stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      const deployed = runCli({
        argv: ['--json', 'deploy', directory],
        environment: { HEARTH_URL: platform.url, HEARTH_TOKEN: platform.token },
        directory,
        streams: { stdout, stderr, stdin: new PassThrough() },
        signal,
        version: 'test',
      }).finally(() => stdout.end());
      await eventually(async () => {
        const { pulls } = pullsSchema.parse(await (await platform.api('GET', '/api/v1/system/pulls')).json());
        expect(pulls).toMatchObject([{ reference, layers: 1, layersDone: 0 }]);
      });
      await eventually(() => expect(said).toContain(`${reference}: `));
      gate.resolve();
      const output = await text(stdout);
      expect(await deployed, said).toBe(0);
      const { version } = JSON.parse(output) as { version: { digest: string; config: { image: { pinned: string } } } };
      expect(version.digest).toBe(sha256(image.configuration));
      expect(version.config.image.pinned).toBe(`${open.host}/shown/app@${manifest}`);
      for (const tag of [reference, `hearth/kept:${version.digest.slice(0, 16)}`]) await engine.removeImage(tag);
    });
  });
});
