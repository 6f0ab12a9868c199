import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { needsOpenssl, selfSigned } from '../../../tests/support/certificate.ts';
import { egressRig } from '../../../tests/support/egress-rig.ts';
import { skippedFor } from '../../../tests/support/skip-reason.ts';
import { GuardedDialer } from './guarded-dialer.ts';

const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listening<T extends Server | ReturnType<typeof createTcpServer>>(server: T): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const connectTo = (authority: string) => `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`;
const get = (url: string) =>
  `GET ${url} HTTP/1.1\r\nhost: x\r\nproxy-connection: keep-alive\r\nconnection: close\r\n\r\n`;

describe('the proxy of an allow-list', () => {
  it('passes bytes to a host on the list', async () => {
    const port = await listening(createTcpServer((socket) => void socket.pipe(socket)));
    const { connect, proxy, moved } = egressRig({ allow: [`echo.example:${port}`] });
    const connection = connect();
    connection.write(connectTo(`echo.example:${port}`));
    connection.end('hello');
    expect(await text(connection)).toBe('HTTP/1.1 200 Connection Established\r\n\r\nhello');
    await expect.poll(() => proxy.totals).toEqual({ connections: 1, refused: 0, sentBytes: 5, receivedBytes: 5 });
    expect(moved).toEqual({ sentBytes: 5, receivedBytes: 5 });
  });

  it('makes requests for http: URLs, without what belongs to the proxy', async () => {
    const seen: string[][] = [];
    const server = createServer((request, response) => {
      seen.push([request.method ?? '', request.url ?? '', ...request.rawHeaders]);
      response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'], 'x-said': 'yes' });
      request.pipe(response);
    });
    const port = await listening(server);
    const { say } = egressRig({ allow: [`api.example:${port}`] });
    const url = `http://api.example:${port}/a?b=c`;
    const answer = await say(
      `POST ${url} HTTP/1.1\r\nhost: other\r\nproxy-authorization: x\r\nconnection: close, x-hop\r\nx-hop: 1\r\nx-mine: 2\r\ncontent-length: 4\r\n\r\nbody`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 201 Created\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nx-said: yes\r\n/);
    expect(answer).toContain('body');
    expect(seen).toHaveLength(1);
    expect(seen[0]?.slice(0, 2)).toEqual(['POST', '/a?b=c']);
    const headers = seen[0]?.join(' ').toLowerCase();
    expect(headers).toContain(`host api.example:${port}`);
    expect(headers).toContain('x-mine 2');
    for (const gone of ['x-hop', 'proxy-authorization', 'other']) expect(headers).not.toContain(gone);
  });

  it('refuses every other host with 403 and the reason, in the log too, and asks no name server for it', async () => {
    const { say, notes, refusals, asked, proxy } = egressRig({ allow: ['api.example'] });
    expect(await say(connectTo('evil.example:443'))).toMatch(
      /^HTTP\/1.1 403 Forbidden\r\n(.|\r\n)*egress to evil.example:443 was refused: it is not on the allow-list of this function\n$/,
    );
    expect(await say(get('http://evil.example/'))).toMatch(/^HTTP\/1.1 403 (.|\r\n)*evil.example:80 was refused/);
    expect(await say(connectTo('api.example:22'))).toContain('403 Forbidden');
    expect(notes).toHaveLength(3);
    expect(refusals).toEqual(
      ['evil.example:443', 'evil.example:80', 'api.example:22'].map((host) => `${host} not-on-list`),
    );
    expect(asked).toEqual([]);
    expect(proxy.totals.refused).toBe(3);
  });

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '::1',
    'fd00:ec2::254',
    'fe80::1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '64:ff9b::7f00:1',
  ])('refuses a name on the list that leads to %s', async (address) => {
    const { say, notes, refusals } = egressRig({
      allow: ['*.example.com'],
      addresses: [address],
      allowsPrivate: false,
    });
    expect(await say(connectTo('rebound.example.com:443'))).toContain('it is not in the public internet');
    expect(await say(get('http://rebound.example.com/'))).toMatch(/^HTTP\/1.1 403 /);
    expect(notes).toHaveLength(2);
    expect(refusals).toEqual(['rebound.example.com:443 not-public', 'rebound.example.com:80 not-public']);
  });

  it('refuses private addresses on the list', async () => {
    const { say } = egressRig({ allow: ['127.0.0.1', '169.254.169.254'], allowsPrivate: false });
    for (const host of ['127.0.0.1', '169.254.169.254']) {
      expect(await say(connectTo(`${host}:80`))).toContain('it is not in the public internet');
      expect(await say(get(`http://${host}/`))).toContain('it is not in the public internet');
    }
  });

  it('dials the address that it checked: a second answer of the name server is not asked for', async () => {
    let answers = 0;
    const resolve = () => Promise.resolve([answers++ === 0 ? '192.0.2.77' : '127.0.0.1']);
    const dialer = new GuardedDialer({ allowsPrivate: false, resolve, connectTimeoutMs: 50 });
    await expect(dialer.dial({ host: 'rebound.example', port: 80 })).rejects.toThrow();
    expect(answers).toBe(1);
  });

  it('says what cannot be reached, and what it is not asked in the way of a proxy', async () => {
    const closed = createTcpServer();
    const port = await listening(closed);
    closed.close();
    const { say, notes } = egressRig({ allow: [`gone.example:${port}`] });
    expect(await say(connectTo(`gone.example:${port}`))).toMatch(
      /^HTTP\/1.1 502 (.|\r\n)*cannot be reached: ECONNREFUSED/,
    );
    expect(await say(get(`http://gone.example:${port}/`))).toMatch(/^HTTP\/1.1 502 (.|\r\n)*ECONNREFUSED/);
    for (const wrong of ['/path', 'https://gone.example/', 'ftp://gone.example/', 'http://user@gone.example/'])
      expect(await say(get(wrong))).toMatch(/^HTTP\/1.1 400 /);
    expect(await say(connectTo('no-port'))).toMatch(/^HTTP\/1.1 400 /);
    expect(await say('\0\0\0\r\n\r\n')).toBe('');
    expect(notes).toEqual([]);
  });

  it('writes a few lines about refusals, however many there are', async () => {
    const { say, notes, proxy } = egressRig({ allow: ['api.example'] });
    for (let i = 0; i < 30; i++) await say(connectTo(`h${i}.example:443`));
    expect(notes).toHaveLength(10);
    expect(notes.at(-1)).toContain('are not written');
    expect(proxy.totals.refused).toBe(30);
  });

  it('holds little of a download that nobody reads', async () => {
    let sent = 0;
    const port = await listening(
      createTcpServer((socket) => {
        const more = () => {
          while (sent < 50_000_000 && socket.write(Buffer.alloc(65_536))) sent += 65_536;
        };
        socket.on('drain', more);
        socket.on('error', () => undefined);
        more();
      }),
    );
    const { connect } = egressRig({ allow: [`big.example:${port}`] });
    const connection = connect();
    connection.write(connectTo(`big.example:${port}`));
    // Until nothing more is sent: what is on its way is full.
    let before = -1;
    const isFull = (): boolean => {
      const same = sent > 0 && sent === before;
      before = sent;
      return same;
    };
    await expect.poll(isFull, { interval: 100 }).toBe(true);
    // The kernel's buffers hold some megabytes.
    expect(sent).toBeLessThan(20_000_000);
    connection.destroy();
  });
});

describe.skipIf(needsOpenssl !== undefined)(`a host that gets a secret${skippedFor(needsOpenssl)}`, () => {
  const { key, cert } = needsOpenssl === undefined ? selfSigned('DNS:api.example') : { key: '', cert: '' };
  const values = new Map([['KEY', 's3cret-value']]);

  async function upstream() {
    const seen: { readonly url: string; readonly headers: readonly string[]; readonly body: string }[] = [];
    const server = createTlsServer({ key, cert }, (request, response) => {
      text(request).then(
        (body) => {
          seen.push({ url: request.url ?? '', headers: request.rawHeaders, body });
          response.end('done');
        },
        () => undefined,
      );
    });
    return { port: await listening(server), seen };
  }
  const ruleFor = (port: number, more: object = {}) => ({
    host: `api.example:${port}`,
    secret: 'KEY',
    header: 'authorization',
    prefix: 'Bearer ',
    ...more,
  });

  it('is called over TLS with the header, in the place of one that the function sent', async () => {
    const { port, seen } = await upstream();
    const { say, moved } = egressRig({ allow: [ruleFor(port)], values, ca: cert });
    const request = `POST http://api.example:${port}/v1?q=%2F..//x HTTP/1.1\r\nhost: x\r\nAuthorization: mine\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`;
    const answer = await say(request);
    expect(answer).toMatch(/^HTTP\/1.1 200 (.|\r\n)*done/);
    expect(answer).not.toContain('s3cret');
    expect(seen).toEqual([
      {
        url: '/v1?q=%2F..//x',
        headers: expect.arrayContaining(['authorization', 'Bearer s3cret-value']),
        body: 'body',
      },
    ]);
    expect(seen[0]?.headers).not.toContain('mine');
    expect(seen[0]?.headers).toEqual(expect.arrayContaining(['host', `api.example:${port}`]));
    // With the TLS around it, and the certificate of the other side.
    await expect.poll(() => moved.receivedBytes).toBeGreaterThan(500);
    expect(moved.sentBytes).toBeGreaterThan(request.length);
  });

  it('is called the same way by programs that use CONNECT for plain HTTP, request after request', async () => {
    const { port, seen } = await upstream();
    const { connect } = egressRig({ allow: [ruleFor(port, { header: 'x-api-key', prefix: '' })], values, ca: cert });
    const connection = connect();
    connection.setEncoding('utf8');
    let said = '';
    connection.on('data', (chunk: string) => (said += chunk));
    // The request comes with the CONNECT, as some programs do.
    connection.write(`${connectTo(`api.example:${port}`)}GET /1 HTTP/1.1\r\nhost: api.example\r\n\r\n`);
    await expect.poll(() => said).toMatch(/200 Connection Established(.|\r\n)*done/);
    connection.write('GET /2 HTTP/1.1\r\nhost: api.example\r\n\r\n');
    await expect.poll(() => seen.map(({ url }) => url)).toEqual(['/1', '/2']);
    for (const { headers } of seen) expect(headers).toEqual(expect.arrayContaining(['x-api-key', 's3cret-value']));
    connection.destroy();
  });

  it('gets it only when its certificate is good for its name', async () => {
    const { port, seen } = await upstream();
    const about = { values, addresses: ['127.0.0.1'] };
    const untrusted = egressRig({ ...about, allow: [ruleFor(port)] });
    expect(await untrusted.say(get(`http://api.example:${port}/`))).toMatch(/^HTTP\/1.1 502 (.|\r\n)*SELF_SIGNED_CERT/);
    const other = egressRig({ ...about, allow: [ruleFor(port, { host: `other.example:${port}` })], ca: cert });
    expect(await other.say(get(`http://other.example:${port}/`))).toMatch(/^HTTP\/1.1 502 (.|\r\n)*ALTNAME/);
    expect(seen).toEqual([]);
  });

  it('gets nothing else: not over TLS from inside, not by TRACE, and not without the secret', async () => {
    const { port, seen } = await upstream();
    const secret = { secret: 'KEY', header: 'authorization', prefix: '' };
    const allow = [
      { host: 'usual.example', ...secret },
      ruleFor(port),
      ruleFor(port, { host: `gone.example:${port}`, secret: 'GONE' }),
    ];
    const { say, notes } = egressRig({ allow, values: new Map([...values, ['LINES', 'a\nb']]), ca: cert });
    expect(await say(connectTo('usual.example:443'))).toMatch(
      /403 (.|\r\n)*call http:\/\/usual.example\/ \(not https\)/,
    );
    expect(await say(`TRACE http://api.example:${port}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 403 /,
    );
    expect(await say(get(`http://gone.example:${port}/`))).toMatch(
      /^HTTP\/1.1 502 (.|\r\n)*the secret GONE cannot be read/,
    );
    expect(notes).toHaveLength(2);
    const lines = egressRig({
      allow: [ruleFor(port, { secret: 'LINES' })],
      values: new Map([['LINES', 'line-1\nline-2']]),
      ca: cert,
    });
    const answer = await lines.say(get(`http://api.example:${port}/`));
    expect(answer).toContain('the secret LINES cannot be a header');
    expect(answer).not.toContain('line-1');
    expect(seen).toEqual([]);
  });
});

describe('hosts that are hostile', () => {
  it.each([
    'HTTP/1.1 099 Odd\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: \x01\r\n\r\n',
    'HTTP/1.1 200 \x01\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
    'nonsense\r\n\r\n',
    '',
  ])('%j is passed on or answered with 502, and nothing else breaks', async (said) => {
    const port = await listening(createTcpServer((socket) => socket.on('error', () => undefined).end(said)));
    const { say } = egressRig({ allow: [`odd.example:${port}`] });
    expect(await say(get(`http://odd.example:${port}/`))).toMatch(/^HTTP\/1.1 (502|200) /);
  });
});
