import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { needsOpenssl, selfSigned } from '../../../tests/support/certificate.ts';
import { extension, helloOf, inRecords, serverName } from '../../../tests/support/client-hello.ts';
import { egressRig } from '../../../tests/support/egress-rig.ts';
import { skippedFor } from '../../../tests/support/skip-reason.ts';

const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});
async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A server that keeps what it is sent, and says something first if it is told to. */
async function listener(greeting = '') {
  const heard: Buffer[] = [];
  const sockets: Socket[] = [];
  const port = await listening(
    createTcpServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined).on('data', (chunk: Buffer) => heard.push(chunk));
      if (greeting !== '') socket.write(greeting);
    }),
  );
  return { port, sockets, heard: () => Buffer.concat(heard) };
}

/** Through CONNECT; resolves when the proxy agreed. */
async function tunnelTo(connect: () => Duplex, authority: string): Promise<Duplex> {
  const connection = connect();
  connection.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
  const [answer] = (await once(connection, 'data')) as [Buffer];
  expect(String(answer)).toBe('HTTP/1.1 200 Connection Established\r\n\r\n');
  return connection;
}

describe.skipIf(needsOpenssl !== undefined)(`TLS through CONNECT${skippedFor(needsOpenssl)}`, () => {
  const { key, cert } = needsOpenssl === undefined ? selfSigned('DNS:api.example') : { key: '', cert: '' };
  const secureServer = (options: object = {}) =>
    listening(
      createTlsServer({ key, cert, ...options }, (socket) => socket.on('error', () => undefined).end('secret')),
    );
  const trusting = { ca: cert, checkServerIdentity: () => undefined };

  it.each([
    ['1.3', {}],
    ['1.2', { maxVersion: 'TLSv1.2' }],
  ] as const)('%s reaches the host that it names, with whole and with short handshakes', async (_version, options) => {
    const port = await secureServer(options);
    const { connect, refusals } = egressRig({ allow: [`api.example:${port}`] });
    let session: Buffer | undefined;
    for (let i = 0; i < 3; i++) {
      const socket = await tunnelTo(connect, `api.example:${port}`);
      const secured = connectTls({ socket, servername: 'api.example', ...trusting, ...(session && { session }) });
      secured.once('session', (given: Buffer) => (session = given));
      expect(await text(secured)).toBe('secret');
    }
    expect(refusals).toEqual([]);
  });

  it('after an answer that asks for another key reaches it too, by a second hello', async () => {
    const port = await secureServer({ ecdhCurve: 'P-521' });
    const { connect } = egressRig({ allow: [`api.example:${port}`] });
    const socket = await tunnelTo(connect, `api.example:${port}`);
    const secured = connectTls({ socket, servername: 'api.example', ecdhCurve: 'X25519:P-521', ...trusting });
    expect(await text(secured)).toBe('secret');
  });

  it('to a host by the name of another one is refused with an alert, in the log and in what is counted', async () => {
    const { port, heard } = await listener();
    const { connect, refusals, notes } = egressRig({ allow: [`api.example:${port}`] });
    const socket = await tunnelTo(connect, `api.example:${port}`);
    const secured = connectTls({ socket, servername: 'Evil.example', ...trusting });
    const [error] = (await once(secured, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ERR_SSL_TLSV1_UNRECOGNIZED_NAME');
    expect(refusals).toEqual([`evil.example:${port} other-server-name`]);
    expect(notes).toEqual([
      `egress to evil.example:${port} was refused: TLS asks for it in a connection to another host`,
    ]);
    expect(heard()).toHaveLength(0);
  });

  it('to an address needs no name, or one on the list', async () => {
    const port = await secureServer();
    const { connect, refusals } = egressRig({ allow: [`127.0.0.1:${port}`, `api.example:${port}`] });
    for (const servername of ['', 'api.example']) {
      const socket = await tunnelTo(connect, `127.0.0.1:${port}`);
      expect(await text(connectTls({ socket, servername, ...trusting }))).toBe('secret');
    }
    const socket = await tunnelTo(connect, `127.0.0.1:${port}`);
    await once(connectTls({ socket, servername: 'evil.example', ...trusting }), 'error');
    expect(refusals).toEqual([`evil.example:${port} other-server-name`]);
  });
});

describe('what begins like TLS', () => {
  const good = helloOf([serverName('api.example')]);
  it.each([
    ['names no host', inRecords(helloOf([])), 'no-server-name'],
    ['names none in the form of SSL 2', Buffer.from([0x80, 46, 1, 3, 3, 0, 0]), 'no-server-name'],
    [
      'hides its host',
      inRecords(helloOf([serverName('api.example'), extension(0xfe0d, Buffer.alloc(8))])),
      'hidden-server-name',
    ],
    [
      'has data before the handshake',
      inRecords(helloOf([serverName('api.example'), extension(42, Buffer.alloc(0))])),
      'unreadable-tls',
    ],
    ['lies about its length', inRecords(Buffer.concat([good, Buffer.from([0])])), 'unreadable-tls'],
    ['never ends', inRecords(Buffer.concat([Buffer.from([1, 0, 0x3f, 0]), Buffer.alloc(20_000)]), 2), 'unreadable-tls'],
  ])('and %s is refused, and nothing of it goes out', async (_what, bytes, reason) => {
    const { port, heard } = await listener();
    const { connect, refusals } = egressRig({ allow: [`api.example:${port}`] });
    const connection = await tunnelTo(connect, `api.example:${port}`);
    connection.write(bytes);
    expect(Buffer.from(await text(connection.setEncoding('latin1')), 'latin1')).toEqual(
      Buffer.from([21, 3, 3, 0, 2, 2, 112]),
    );
    expect(refusals).toEqual([`api.example:${port} ${reason}`]);
    expect(heard()).toHaveLength(0);
  });

  it('is passed on as it is, in small records and byte by byte', async () => {
    const { port, heard } = await listener();
    const { connect } = egressRig({ allow: [`api.example:${port}`] });
    const connection = await tunnelTo(connect, `api.example:${port}`);
    const bytes = inRecords(good, 3);
    for (const byte of bytes) connection.write(Buffer.from([byte]));
    await expect.poll(heard).toEqual(bytes);
    connection.destroy();
  });
});

describe('plain HTTP through CONNECT', () => {
  async function web() {
    const seen: (string | undefined)[] = [];
    const connections = new Set<unknown>();
    const server = createServer((request, response) => {
      seen.push(request.headers.host);
      response.end(`answer ${seen.length}`);
    });
    server.on('connection', (socket) => connections.add(socket));
    server.on('upgrade', (request, socket: Duplex) => {
      seen.push(`${request.headers.host} ${request.headers.upgrade}`);
      if (request.url === '/no') {
        socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone');
        return;
      }
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-said: yes\r\n\r\n',
      );
      socket.pipe(socket);
    });
    const port = await listening(server);
    return { port, seen, connections };
  }
  const get = (host: string, path = '/') => `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`;

  it('is for the host that was asked for, whatever each request says, on one connection', async () => {
    const { port, seen, connections } = await web();
    const { connect } = egressRig({ allow: [`api.example:${port}`] });
    const connection = await tunnelTo(connect, `api.example:${port}`);
    connection.setEncoding('utf8');
    let said = '';
    connection.on('data', (chunk: string) => (said += chunk));
    connection.write(`\r\n${get('evil.example')}`);
    await expect.poll(() => said).toContain('answer 1');
    for (const part of ['GET / HT', 'TP/1.1\r\nHost: other.example\r\n', '\r\n']) connection.write(part);
    await expect.poll(() => said).toContain('answer 2');
    expect(seen).toEqual([`api.example:${port}`, `api.example:${port}`]);
    expect(connections.size).toBe(1);
    connection.destroy();
  });

  const webSocket = (path: string) =>
    `GET ${path} HTTP/1.1\r\nhost: evil.example\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n\r\n`;

  it('becomes a WebSocket when the host agrees, and its answer otherwise', async () => {
    const { port, seen } = await web();
    const { connect } = egressRig({ allow: [`api.example:${port}`] });
    const connection = await tunnelTo(connect, `api.example:${port}`);
    connection.setEncoding('utf8');
    let said = '';
    connection.on('data', (chunk: string) => (said += chunk));
    connection.write(`${webSocket('/')}frames`);
    await expect
      .poll(() => said)
      .toMatch(/^HTTP\/1.1 101(.|\r\n)*x-said: yes(.|\r\n)*upgrade: websocket(.|\r\n)*frames$/);
    connection.destroy();
    const refused = await tunnelTo(connect, `api.example:${port}`);
    refused.write(webSocket('/no'));
    expect(await text(refused)).toMatch(/^HTTP\/1.1 404(.|\r\n)*none$/);
    expect(seen).toEqual([`api.example:${port} websocket`, `api.example:${port} websocket`]);
  });
});

describe('other protocols through CONNECT', () => {
  it.each([
    'EHLO mail.example\r\n',
    '\x00\x00\x00\x08\x04\xd2\x16\x2f',
    'AMQP\x00\x00\x09\x01',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '*1\r\n$4\r\nPING\r\n',
  ])('go through as they are, and hosts that speak first are heard: %j', async (words) => {
    const { port, heard, sockets } = await listener('220 ready\r\n');
    const { connect } = egressRig({ allow: [`mail.example:${port}`] });
    const connection = connect();
    connection.setEncoding('latin1');
    let said = '';
    connection.on('data', (chunk: string) => (said += chunk));
    connection.write(`CONNECT mail.example:${port} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await expect.poll(() => said).toMatch(/Established\r\n\r\n220 ready\r\n$/);
    connection.write(Buffer.from(words, 'latin1'));
    await expect.poll(() => heard().toString('latin1')).toBe(words);
    sockets[0]?.write('250 hello');
    await expect.poll(() => said).toMatch(/250 hello$/);
    // Each end closes the other.
    connection.destroy();
    await expect.poll(() => sockets[0]?.closed).toBe(true);
  });

  it('end with their host, also before the program has spoken', async () => {
    const { port, sockets } = await listener('bye');
    const { connect } = egressRig({ allow: [`mail.example:${port}`] });
    const connection = await tunnelTo(connect, `mail.example:${port}`);
    sockets[0]?.end();
    expect(await text(connection)).toBe('bye');
    const reset = await tunnelTo(connect, `mail.example:${port}`);
    await expect.poll(() => sockets).toHaveLength(2);
    sockets[1]?.resetAndDestroy();
    await expect.poll(() => reset.destroyed || reset.readableEnded).toBe(true);
  });
});

describe('a host that takes nothing', () => {
  it('is given up when there is something for it, and not when there is nothing', async () => {
    const sockets: Socket[] = [];
    const port = await listening(createTcpServer({ pauseOnConnect: true }, (socket) => sockets.push(socket)));
    const { connect } = egressRig({ allow: [`slow.example:${port}`], stallTimeoutMs: 200 });
    const [quiet, pushing] = await Promise.all([1, 2].map(() => tunnelTo(connect, `slow.example:${port}`)));
    // More than the kernel takes for a reader that does not read.
    for (let i = 0; i < 40; i++) pushing?.write(Buffer.alloc(1_000_000));
    await expect.poll(() => pushing?.destroyed || pushing?.readableEnded).toBe(true);
    expect(quiet?.destroyed || quiet?.readableEnded).toBe(false);
    for (const socket of sockets) socket.destroy();
  });
});
