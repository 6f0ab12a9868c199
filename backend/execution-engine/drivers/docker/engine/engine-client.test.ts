import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineClient, negotiate } from './engine-client.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let directory: string;
let server: Server;
let answers: Map<string, Answer>;
let seen: string[];
let client: EngineClient;

const json =
  (status: number, value: unknown): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };

/** A real HTTP server on a Unix socket that replays what daemons have answered. */
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-engine-'));
  answers = new Map([['GET /_ping', (_, response) => response.setHeader('api-version', '1.41').end('OK')]]);
  seen = [];
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const path = (request.url ?? '').replace(/^\/v[\d.]+/, '').replace(/\?.*/, '');
    const answer = answers.get(`${request.method} ${path}`) ?? json(404, { message: 'page not found' });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(join(directory, 'docker.sock'), resolve));
  client = new EngineClient({
    endpoint: { kind: 'unix', socketPath: join(directory, 'docker.sock') },
    timeoutMs: 2000,
  });
});
afterEach(async () => {
  client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

describe('EngineClient', () => {
  it('asks for the version once and speaks it', async () => {
    answers.set('GET /info', json(200, { ID: 'x' }));
    await Promise.all([client.info(), client.info()]);
    expect(seen.filter((line) => line.includes('_ping'))).toHaveLength(1);
    expect(seen.filter((line) => line === 'GET /v1.41/info')).toHaveLength(2);
  });

  it('asks again after a daemon could not be asked', async () => {
    const ping = answers.get('GET /_ping') as Answer;
    answers.set('GET /_ping', json(500, { message: 'starting' }));
    await expect(client.info()).rejects.toMatchObject({ code: 'docker_failed' });
    answers.set('GET /_ping', ping);
    answers.set('GET /info', json(200, { ID: 'x' }));
    expect(await client.info()).toEqual({ ID: 'x' });
  });

  it('sends filters and names as the daemon wants them', async () => {
    answers.set('GET /containers/json', json(200, []));
    answers.set('GET /images/hearth/nodejs:1/json', json(200, { Id: 'i', Size: 1 }));
    await client.listContainers({ label: ['a=b&c'] });
    await client.inspectImage('hearth/nodejs:1');
    const query = new URLSearchParams(seen[1]?.split('?')[1]);
    expect(JSON.parse(query.get('filters') ?? '')).toEqual({ label: ['a=b&c'] });
    expect(query.get('all')).toBe('true');
    expect(seen[2]).toBe('GET /v1.41/images/hearth/nodejs:1/json');
  });

  it.each([
    [404, 'No such image: hearth/nodejs:1', 'docker_image_missing', 'hearth images build'],
    [404, 'No such container: abc', 'docker_container_missing', 'gone'],
    [409, 'removal of container abc is already in progress', 'docker_conflict', 'in progress'],
    [500, 'write /var/lib/docker/x: no space left on device', 'docker_disk_full', 'docker system prune'],
    [403, 'Forbidden', 'docker_forbidden', 'docs/drivers/docker.md'],
    [500, 'OCI runtime create failed', 'docker_failed', 'OCI runtime create failed'],
  ])('names the fix of status %i, %s', async (status, message, code, part) => {
    answers.set('POST /containers/create', json(status, { message }));
    const creating = client.createContainer('x', {} as never);
    await expect(creating).rejects.toMatchObject({
      name: 'PlatformError',
      code,
      message: expect.stringContaining(part),
    });
  });

  it('says what to do when nobody listens', async () => {
    const lost = new EngineClient({ endpoint: { kind: 'unix', socketPath: join(directory, 'none.sock') } });
    await expect(lost.info()).rejects.toMatchObject({
      code: 'docker_not_running',
      message: expect.stringContaining('start it'),
    });
    const refused = new EngineClient({ endpoint: { kind: 'tcp', host: '127.0.0.1', port: 1 } });
    await expect(refused.info()).rejects.toMatchObject({ code: 'docker_not_running' });
  });

  it('tells a connection that breaks, before and inside an answer', async () => {
    answers.set('GET /info', (request) => void request.socket.destroy());
    await expect(client.info()).rejects.toMatchObject({ code: 'docker_connection_lost' });
    answers.set('GET /version', (request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"a":', () => request.socket.destroy());
    });
    await expect(client.version()).rejects.toMatchObject({ code: 'docker_connection_lost' });
  });

  it('gives up on a daemon that does not answer, and on request', async () => {
    const slow = new EngineClient({ endpoint: client.endpoint, timeoutMs: 100 });
    answers.set('GET /info', () => undefined);
    await expect(slow.info()).rejects.toMatchObject({ code: 'docker_slow' });
    slow.close();
    const controller = new AbortController();
    const asking = client.info(controller.signal);
    setImmediate(() => controller.abort());
    await expect(asking).rejects.toMatchObject({ code: 'aborted' });
    await expect(client.info(AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
  });

  it('uploads an archive and reports its progress', async () => {
    let received = Buffer.alloc(0);
    answers.set('POST /images/load', (request, response) => {
      void buffer(request).then((bytes) => {
        received = bytes;
        response.write('{"stream":"Loading');
        response.end(' layer\\n"}\r\n{"status":"done"}\r\n');
      });
    });
    const lines: string[] = [];
    const bytes = Buffer.alloc(3_000_000, 'tar');
    await client.loadImage(Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]), undefined, (line) =>
      lines.push(line),
    );
    expect(received.equals(bytes)).toBe(true);
    expect(lines).toEqual(['Loading layer', 'done']);
  });

  it('rejects with an error that comes inside the progress', async () => {
    answers.set('POST /images/load', (request, response) => {
      request.resume().once('end', () => response.end('{"error":"no space left on device"}\n'));
    });
    await expect(client.loadImage(Readable.from(['x']))).rejects.toMatchObject({ code: 'docker_disk_full' });
  });

  it('rejects with what an archive fails with', async () => {
    answers.set('POST /images/load', (request) => void request.resume());
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('x');
        throw new Error('the disk broke');
      })(),
    );
    await expect(client.loadImage(broken)).rejects.toMatchObject({ name: 'PlatformError' });
  });

  it('splits attached output into its streams', async () => {
    const frame = (kind: number, payload: string): Buffer => {
      const header = Buffer.alloc(8);
      header[0] = kind;
      header.writeUInt32BE(Buffer.byteLength(payload), 4);
      return Buffer.concat([header, Buffer.from(payload)]);
    };
    answers.set('POST /containers/abc/attach', (_, response) => {
      response.end(Buffer.concat([frame(1, 'out '), frame(2, 'err'), frame(1, 'more')]));
    });
    const { stdout, stderr } = await client.attachOutput('abc');
    expect(await Promise.all([text(stdout), text(stderr)])).toEqual(['out more', 'err']);
  });

  it('yields events until it is told to stop', async () => {
    answers.set('GET /events', (_, response) => void response.write('{"Action":"oom"}\n'));
    const controller = new AbortController();
    const actions: (string | undefined)[] = [];
    const reading = (async () => {
      for await (const event of await client.events({ event: ['oom'] }, controller.signal)) {
        actions.push(event.Action);
        controller.abort();
      }
    })();
    await reading.catch(() => undefined);
    expect(actions).toEqual(['oom']);
  });
});

describe('negotiate', () => {
  it.each([
    ['1.41', '1.41'],
    ['1.44', '1.44'],
    ['1.99', '1.47'],
    ['2.0', '1.47'],
    ['', '1.41'],
  ])('takes %s as %s', (offered, spoken) => {
    expect(negotiate(offered)).toBe(spoken);
  });

  it('refuses daemons that are too old', () => {
    expect(() => negotiate('1.40')).toThrow('Docker Engine 20.10');
  });
});
