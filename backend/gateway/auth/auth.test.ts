import { createHash, createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CallerAuth, callerAuthSchema, type JwtAlgorithm, type JwtAuth } from '../../../shared/caller-auth.ts';
import { defaultVersionConfig } from '../../../shared/version-config.ts';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { cases } from '../../../tests/support/fuzz.ts';
import type { CallerProof } from '../../core/ports/caller-authenticator.ts';
import type { VersionSpec } from '../../core/version.ts';
import { GatewayAuthenticator, type GatewayAuthenticatorOptions } from './gateway-authenticator.ts';
import { claimFault, fitsAlgorithm, isSignedBy, parseJwt } from './jwt.ts';
import { signatureKey, verifySignature } from './signature.ts';

const nothing: CallerProof = {
  authorization: undefined,
  webhookId: undefined,
  webhookTimestamp: undefined,
  webhookSignature: undefined,
  body: Buffer.alloc(0),
};
const version = (auth: CallerAuth, over: Partial<VersionSpec> = {}, env: Record<string, string> = {}): VersionSpec => ({
  versionId: 'ver_1' as VersionSpec['versionId'],
  functionId: 'fn_1' as VersionSpec['functionId'],
  functionName: 'hello',
  version: 1,
  digest: 'd' as VersionSpec['digest'],
  config: { ...defaultVersionConfig('nodejs', 'process'), auth, env },
  ...over,
});
function rig(over: Partial<GatewayAuthenticatorOptions> = {}) {
  const clock = new ManualClock();
  const warnings: object[] = [];
  const authenticator = new GatewayAuthenticator({
    clock,
    findToken: () => undefined,
    variableOf: ({ config }, name) => config.env[name],
    fetch: () => Promise.reject(new Error('no network here')),
    logger: { warn: (detail) => warnings.push(detail) },
    ...over,
  });
  return { clock, authenticator, warnings };
}

describe('signed messages', () => {
  // The example of https://github.com/standard-webhooks/standard-webhooks, shared by its libraries.
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const example: CallerProof = {
    ...nothing,
    webhookId: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    webhookTimestamp: '1614265330',
    webhookSignature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    body: Buffer.from('{"test": 2432232314}'),
  };
  const auth = { type: 'signature', key: 'KEY' } as const;
  const at = 1_614_265_330_000;
  const check = (proof: CallerProof, now = at) => verifySignature(auth, signatureKey(secret)!, proof, now).isValid;

  test('the example of the specification is valid for five minutes to either side', () => {
    expect(check(example)).toBe(true);
    for (const off of [-300_000, 300_000]) expect(check(example, at + off)).toBe(true);
    for (const off of [-301_000, 301_000]) expect(check(example, at + off)).toBe(false);
  });

  test('whatever is changed, it is not', () => {
    const changes: Partial<CallerProof>[] = [
      { webhookId: 'msg_other' },
      { webhookId: undefined },
      { webhookTimestamp: undefined },
      { webhookSignature: undefined },
      { webhookId: '' },
      { webhookId: 'a b' },
      { webhookId: 'a'.repeat(256) },
      { webhookSignature: '' },
      { webhookTimestamp: '1614265331' },
      { webhookTimestamp: '1614265330.0' },
      { webhookTimestamp: '' },
      { webhookSignature: 'v1,' },
      { webhookSignature: 'g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' },
      { webhookSignature: `v2,${example.webhookSignature?.slice(3)}` },
      { webhookSignature: `${'v1,AAAA '.repeat(8)}${example.webhookSignature}` },
      { body: Buffer.from('{"test": 2432232315}') },
      { body: Buffer.alloc(0) },
    ];
    for (const change of changes) expect([change, check({ ...example, ...change })]).toEqual([change, false]);
    expect(check({ ...example, webhookSignature: `${'v1,AAAA '.repeat(7)}${example.webhookSignature}` })).toBe(true);
    // While a key is replaced, messages carry a signature of each.
    expect(check({ ...example, webhookSignature: `v1,AAAA ${example.webhookSignature}` })).toBe(true);
  });

  test('says what is wrong with a message, and how long its id must be remembered', () => {
    const key = Buffer.alloc(16, 7);
    const verdict = (id: string, timestamp: string, over: Partial<CallerProof> = {}) => {
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.{}`).digest('base64');
      const proof = { webhookId: id, webhookTimestamp: timestamp, webhookSignature: `v1,${signature}` };
      return verifySignature(auth, key, { ...nothing, ...proof, body: Buffer.from('{}'), ...over }, at);
    };
    const [id, time] = ['msg_1', '1614265330'];
    expect(verdict(id, time)).toEqual({ isValid: true, messageId: id, expiresAt: at + 301_000 });
    const refused: [ReturnType<typeof verdict>, string][] = [
      [verdict(id, time, { webhookId: undefined }), 'a header is missing'],
      [verdict(id, time, { webhookTimestamp: undefined }), 'a header is missing'],
      [verdict(id, time, { webhookSignature: undefined }), 'a header is missing'],
      [verdict(` ${id}`, time), 'webhook-id is malformed'],
      [verdict(`${id}\n`, time), 'webhook-id is malformed'],
      [verdict(id, `+${time}`), 'webhook-timestamp is not in seconds'],
      [verdict(id, `${time} `), 'webhook-timestamp is not in seconds'],
      [verdict(id, '1614265029'), 'the message is too old, or a clock is wrong'],
      [verdict(id, time, { webhookSignature: 'v1,AAAA '.repeat(9) }), 'too many signatures'],
      [verdict(id, time, { body: Buffer.from('[]') }), 'the signature is wrong'],
    ];
    for (const [found, reason] of refused) expect(found).toEqual({ isValid: false, reason });
    expect(signatureKey('x'.repeat(16))).toEqual(Buffer.from('x'.repeat(16)));
    expect(signatureKey('x'.repeat(15))).toBeUndefined();
  });

  test('the key, the id, the time and the body that were signed are let in, by RFC 2104, and none with a bit turned or a border moved', () => {
    const sha256 = (...parts: readonly Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
    const hmac = (secret: Buffer, message: Buffer) => {
      const block = Buffer.alloc(64);
      (secret.length > 64 ? sha256(secret) : secret).copy(block);
      const [inner, outer] = [0x36, 0x5c].map((pad) => block.map((byte) => byte ^ pad)) as [Uint8Array, Uint8Array];
      return sha256(outer, sha256(inner, message));
    };
    const turned = (bytes: Buffer, bit: number) => {
      const other = Buffer.from(bytes);
      const index = (bit >> 3) % other.length;
      other[index] = (other[index] ?? 0) ^ (1 << (bit & 7));
      return other;
    };
    const bytesOf = (minLength: number, maxLength: number) =>
      fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes));
    const ids = fc.stringMatching(/^[a-z0-9_.-]{1,20}$/);
    const seconds = fc.integer({ min: -300, max: 300 }).map((off) => `${at / 1000 + off}`);
    // What may be taken for the end of the time: a body that begins as one would.
    const bodies = fc.oneof(
      bytesOf(1, 60),
      seconds.map((time) => Buffer.from(`${time}.{}`)),
    );
    fc.assert(
      fc.property(bytesOf(16, 80), ids, seconds, bodies, fc.nat(0xffff), (secret, id, time, body, bit) => {
        const signature = hmac(secret, Buffer.concat([Buffer.from(`${id}.${time}.`), body]));
        const proof = { ...nothing, webhookId: id, webhookTimestamp: time, body };
        const verdict = (over: Partial<CallerProof> = {}, signed = signature, key = secret) =>
          verifySignature(auth, key, { ...proof, webhookSignature: `v1,${signed.toString('base64')}`, ...over }, at)
            .isValid;
        expect(verdict()).toBe(!id.includes('.'));
        expect(verdict({ body: turned(body, bit) })).toBe(false);
        expect(verdict({ webhookId: turned(Buffer.from(id), bit).toString('latin1') })).toBe(false);
        expect(verdict({ webhookTimestamp: turned(Buffer.from(time), bit).toString('latin1') })).toBe(false);
        expect(verdict({}, turned(signature, bit))).toBe(false);
        expect(verdict({}, signature, turned(secret, bit))).toBe(false);
        const [begin = '', ...rest] = body.toString('latin1').split('.');
        const moved = {
          webhookId: `${id}.${time}`,
          webhookTimestamp: begin,
          body: Buffer.from(rest.join('.'), 'latin1'),
        };
        expect(verdict(moved)).toBe(false);
      }),
      cases(),
    );
  });

  test('a key that is short is none, and the caller does not learn of it', async () => {
    expect(signatureKey('short')).toBeUndefined();
    expect(signatureKey('whsec_AAAA')).toBeUndefined();
    const { authenticator, warnings } = rig();
    for (const env of [{}, { KEY: 'short' }]) {
      await expect(authenticator.check(version(auth, {}, env), example)).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'keys_unavailable',
      });
    }
    expect(warnings).toHaveLength(2);
  });

  test('the same message is let in once, a repeated one with a new time again, and each function for itself', async () => {
    const { clock, authenticator } = rig();
    const key = 'a text of enough length';
    const signed = (id: string): CallerProof => {
      const timestamp = String(Math.floor(clock.now() / 1000));
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.body`).digest('base64');
      const proof = { webhookId: id, webhookTimestamp: timestamp, webhookSignature: `v1,${signature}` };
      return { ...nothing, ...proof, body: Buffer.from('body') };
    };
    const target = version(auth, {}, { KEY: key });
    const message = signed('msg_1');
    expect(await authenticator.check(target, message)).toEqual({ kind: 'signature', id: 'KEY' });
    await expect(authenticator.check(target, message)).rejects.toMatchObject({ code: 'message_replayed' });
    const other = { ...target, functionId: 'fn_2' as VersionSpec['functionId'] };
    expect(await authenticator.check(other, message)).toMatchObject({ kind: 'signature' });
    clock.advance(5000);
    expect(await authenticator.check(target, signed('msg_1'))).toMatchObject({ kind: 'signature' });
    clock.advance(301_000);
    await expect(authenticator.check(target, message)).rejects.toMatchObject({ code: 'caller_unknown' });
  });
});

const keyPairs: Readonly<Record<JwtAlgorithm, () => { publicKey: KeyObject; privateKey: KeyObject }>> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  RS384: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  RS512: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS384: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS512: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

function signJwt(algorithm: JwtAlgorithm, key: KeyObject, claims: object, header: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: algorithm, typ: 'JWT', ...header })}.${part(claims)}`;
  const options = algorithm.startsWith('PS')
    ? { key, padding: 6, saltLength: Number(algorithm.slice(2)) / 8 }
    : algorithm.startsWith('ES')
      ? ({ key, dsaEncoding: 'ieee-p1363' } as const)
      : { key };
  const hash = algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`;
  return `${signed}.${sign(hash, Buffer.from(signed), options).toString('base64url')}`;
}

describe('JSON Web Tokens', () => {
  const { publicKey, privateKey } = keyPairs.ES256();
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one' } as unknown as { kty: 'EC'; kid: string };
  const auth: JwtAuth = {
    type: 'jwt',
    issuer: 'https://id.example',
    audience: ['hearth', 'other'],
    jwks: { keys: [jwk] },
  };
  const { clock, authenticator } = rig();
  const now = () => Math.floor(clock.now() / 1000);
  const claims = () => ({ iss: 'https://id.example', aud: 'hearth', sub: 'ada', exp: now() + 60 });
  const check = (token: string, given: JwtAuth = auth) =>
    authenticator.check(version(given), { ...nothing, authorization: `Bearer ${token}` });
  const isRefused = (token: string, given?: JwtAuth) =>
    expect(check(token, given)).rejects.toMatchObject({ kind: 'unauthenticated', code: 'caller_unknown' });

  test('the example of RFC 7515, A.3', () => {
    const example =
      'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q';
    const key = createPublicKey({
      key: {
        kty: 'EC',
        crv: 'P-256',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      },
      format: 'jwk',
    });
    const parsed = parseJwt(auth, example);
    expect(parsed).toMatchObject({ claims: { iss: 'joe' } });
    expect(typeof parsed === 'object' && isSignedBy(parsed, key)).toBe(true);
  });

  test.each(Object.keys(keyPairs) as JwtAlgorithm[])('%s: the right key alone', async (algorithm) => {
    const [ours, theirs] = [keyPairs[algorithm](), keyPairs[algorithm]()];
    const keys = [{ ...ours.publicKey.export({ format: 'jwk' }) } as unknown as { kty: 'RSA' }];
    const given: JwtAuth = { ...auth, algorithms: [algorithm], jwks: { keys } };
    expect(await check(signJwt(algorithm, ours.privateKey, claims()), given)).toEqual({ kind: 'jwt', id: 'ada' });
    await isRefused(signJwt(algorithm, theirs.privateKey, claims()), given);
    await isRefused(signJwt(algorithm, ours.privateKey, claims()), {
      ...given,
      algorithms: ['RS256', 'ES256'].filter((one) => one !== algorithm) as JwtAlgorithm[],
    });
  });

  test('claims: issuer, audience, times', async () => {
    const sent = (over: object) => signJwt('ES256', privateKey, { ...claims(), ...over });
    for (const over of [{}, { aud: ['x', 'other'] }, { exp: now() - 29 }, { nbf: now() + 29 }, { kid: 'x' }]) {
      expect(await check(sent(over))).toMatchObject({ kind: 'jwt' });
    }
    for (const over of [
      { iss: 'https://id.example/' },
      { iss: undefined },
      { aud: 'hearth2' },
      { aud: [] },
      { aud: undefined },
      { aud: { hearth: 1 } },
      { exp: undefined },
      { exp: now() - 31 },
      { exp: '9999999999' },
      { exp: null },
      { nbf: now() + 31 },
      { nbf: 'x' },
    ]) {
      await isRefused(sent(over));
    }
  });

  test('headers: no key of its own, no extension, no other algorithm', async () => {
    const hmac = (secret: string | Buffer) => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const signed = `${part({ alg: 'HS256' })}.${part(claims())}`;
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
    };
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims())).toString('base64url')}.`;
    // A public key taken for the secret of an HMAC is the oldest trick.
    for (const token of [
      none,
      `${none}AA`,
      hmac(JSON.stringify(jwk)),
      hmac(publicKey.export({ format: 'pem', type: 'spki' })),
    ]) {
      await isRefused(token);
    }
    const stranger = keyPairs.ES256();
    const own = { jwk: stranger.publicKey.export({ format: 'jwk' }) };
    await isRefused(signJwt('ES256', stranger.privateKey, claims(), own));
    await isRefused(signJwt('ES256', privateKey, claims(), { crit: ['b64'], b64: false }));
    await isRefused(signJwt('ES256', privateKey, claims(), { kid: 'two' }));
    expect(await check(signJwt('ES256', privateKey, claims(), { kid: 'one' }))).toMatchObject({ id: 'ada' });
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const keys = [weak.publicKey.export({ format: 'jwk' }) as unknown as { kty: 'RSA' }];
    await isRefused(signJwt('RS256', weak.privateKey, claims()), { ...auth, jwks: { keys } });
  });

  test('takes apart what is a token, and says what is wrong with what is none', () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const head = part({ alg: 'ES256', kid: 'one' });
    expect(parseJwt(auth, `${head}.${part({ a: 1 })}.AAEC`)).toEqual({
      algorithm: 'ES256',
      keyId: 'one',
      claims: { a: 1 },
      signed: Buffer.from(`${head}.${part({ a: 1 })}`),
      signature: Buffer.from([0, 1, 2]),
    });
    expect(parseJwt(auth, `${part({ alg: 'ES256', kid: 7 })}.${part({})}.AA`)).toMatchObject({ keyId: undefined });
    const none = 'it is no JSON Web Token';
    for (const claimed of [[], null, 'x', 7]) {
      expect(parseJwt(auth, `${head}.${part(claimed)}.AA`)).toBe(none);
      expect(parseJwt(auth, `${part(claimed)}.${part({})}.AA`)).toBe(none);
    }
    for (const text of ['', '.', '..', `${head}.${part({})}`, `${head}.${part({})}.`, `${head}.${part({})}.A=`])
      expect(parseJwt(auth, text)).toBe(none);
    for (const text of [`${head}.${part({})}.AA.AA`, `${head}.e30=.AA`, `${head}.AAAA.AA`, ` ${head}.${part({})}.AA`])
      expect(parseJwt(auth, text)).toBe(none);
    for (const alg of ['none', 'HS256', 7, undefined, 'es256'])
      expect(parseJwt(auth, `${part({ alg })}.${part({})}.AA`)).toBe('its algorithm is not allowed');
    const long = (chars: number) => `${head}.${part({})}.`.padEnd(chars, 'A');
    expect(parseJwt(auth, long(16_384))).toMatchObject({ algorithm: 'ES256' });
    expect(parseJwt(auth, long(16_385))).toBe('the token is too long');
  });

  test('a key fits only the algorithm that it is for', () => {
    const fits = (key: KeyObject) =>
      (Object.keys(keyPairs) as JwtAlgorithm[]).filter((algorithm) => fitsAlgorithm(key, algorithm)).sort();
    const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).publicKey;
    expect(fits(rsa(2048))).toEqual(['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512']);
    expect(fits(rsa(2040))).toEqual([]);
    for (const algorithm of ['ES256', 'ES384', 'ES512', 'EdDSA'] as const)
      expect(fits(keyPairs[algorithm]().publicKey)).toEqual([algorithm]);
    expect(fits(generateKeyPairSync('ed448').publicKey)).toEqual(['EdDSA']);
    expect(fits(generateKeyPairSync('x25519').publicKey)).toEqual([]);
    expect(fits(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey)).toEqual([]);
    // No key that also signs, and none that both sides would have to know.
    expect(fits(privateKey)).toEqual([]);
    const parsed = parseJwt(auth, signJwt('ES256', privateKey, claims()));
    expect(typeof parsed === 'object' && isSignedBy(parsed, publicKey)).toBe(true);
    expect(typeof parsed === 'object' && isSignedBy(parsed, privateKey)).toBe(false);
  });

  test('says what is wrong with claims, to the second', () => {
    const at = 1_000_000;
    const good = { iss: auth.issuer, aud: 'hearth', exp: 1000 };
    const fault = (over: object, clockToleranceSeconds = 0) =>
      claimFault({ ...auth, clockToleranceSeconds }, { ...good, ...over }, at);
    expect(fault({ exp: 1000.5 })).toBeUndefined();
    expect(fault({})).toBe('it is over');
    expect(fault({}, 1)).toBeUndefined();
    expect(fault({ exp: 999 }, 1)).toBe('it is over');
    for (const exp of ['9999', null, undefined]) expect(fault({ exp })).toBe('it does not say when it ends');
    const later = { exp: 9999 };
    expect(fault({ ...later, nbf: 1000 })).toBeUndefined();
    expect(fault({ ...later, nbf: 1001 })).toBe('it is not good yet');
    expect(fault({ ...later, nbf: 1001 }, 1)).toBeUndefined();
    for (const nbf of ['1', null]) expect(fault({ ...later, nbf })).toBe('it is not good yet');
    expect(fault({ ...later, iss: 'x' })).toBe('another issuer');
    for (const aud of [undefined, 'x', ['x', 7], 7, []]) expect(fault({ ...later, aud })).toBe('another audience');
    expect(fault({ ...later, aud: ['x', 'other'] })).toBeUndefined();
    for (const sub of [{ id: 1 }, ['u'], 7, null, 's'.repeat(256)])
      expect(fault({ ...later, sub })).toBe('it names nobody');
    for (const sub of [undefined, '', 's'.repeat(255)]) expect(fault({ ...later, sub })).toBeUndefined();
    expect(claimFault(auth, { ...good, exp: 971 }, at)).toBeUndefined();
    expect(claimFault(auth, { ...good, exp: 970 }, at)).toBe('it is over');
  });

  test('no text that differs from a token in one character is one', async () => {
    const token = signJwt('ES256', privateKey, claims());
    // The last character of a part may have bits that do not count.
    const unused = new Set([token.length - 1]);
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...'ABCz059-_.= '), async (index, character) => {
        if (token[index] === character || unused.has(index)) return;
        await isRefused(token.slice(0, index) + character + token.slice(index + 1));
      }),
      { seed: 7, ...cases(200) },
    );
  });

  test('keys are fetched when they are needed, once for many, and not again for every unknown key', async () => {
    let fetches = 0;
    let answer: () => Promise<Buffer> = async () => Buffer.from(JSON.stringify({ keys: [jwk, { kty: 'odd' }] }));
    const { clock: time, authenticator: remote } = rig({
      fetch: () => {
        fetches++;
        return answer();
      },
    });
    const { jwks: _, ...rest } = auth;
    const given: JwtAuth = { ...rest, jwksUrl: 'https://id.example/keys' };
    const claimsNow = () => ({ ...claims(), exp: Math.floor(time.now() / 1000) + 60 });
    const send = (kid = 'one') =>
      remote.check(version(given), {
        ...nothing,
        authorization: `Bearer ${signJwt('ES256', privateKey, claimsNow(), { kid })}`,
      });
    await Promise.all(Array.from({ length: 20 }, () => send()));
    expect(fetches).toBe(1);
    for (let i = 0; i < 5; i++) await expect(send(`unknown-${i}`)).rejects.toMatchObject({ code: 'caller_unknown' });
    expect(fetches).toBe(1);
    time.advance(31_000);
    await expect(send('unknown')).rejects.toMatchObject({ code: 'caller_unknown' });
    expect(fetches).toBe(2);
    answer = () => Promise.reject(new Error('down'));
    time.advance(700_000);
    expect(await send()).toMatchObject({ id: 'ada' });
    time.advance(86_400_000);
    await expect(send()).rejects.toMatchObject({ kind: 'unavailable', code: 'keys_unavailable' });
    answer = async () => Buffer.from('<html>');
    time.advance(31_000);
    await expect(send()).rejects.toMatchObject({ code: 'keys_unavailable' });
  });
});

describe('tokens of Hearth', () => {
  test('must be there and be good for the project of the function', async () => {
    const findToken = (secret: string) =>
      secret === 'good' ? { id: 'tok_1', mayInvoke: (project: string) => project === 'acme' } : undefined;
    const { authenticator } = rig({ findToken });
    const check = (authorization: string | undefined, functionName: string) =>
      authenticator.check(version({ type: 'token' }, { functionName }), { ...nothing, authorization });
    expect(await check('Bearer good', 'acme/hello')).toEqual({ kind: 'token', id: 'tok_1' });
    await expect(check('Bearer good', 'hello')).rejects.toMatchObject({
      kind: 'forbidden',
      code: 'caller_not_allowed',
    });
    for (const header of ['Bearer bad', 'Basic good', 'good', '', undefined]) {
      await expect(check(header, 'acme/hello')).rejects.toMatchObject({ code: 'caller_unknown' });
    }
  });
});

test('what a configuration may say', () => {
  const isGood = (auth: unknown) => callerAuthSchema.safeParse(auth).success;
  const jwt = { type: 'jwt', issuer: 'i', audience: ['a'] };
  const rsa = { kty: 'RSA', n: 'x', e: 'AQAB' };
  expect(isGood({ ...jwt, jwksUrl: 'https://id.example/keys' })).toBe(true);
  expect(isGood({ ...jwt, jwks: { keys: [rsa] } })).toBe(true);
  for (const bad of [
    jwt,
    { ...jwt, jwksUrl: 'http://id.example/keys' },
    { ...jwt, jwksUrl: 'https://id.example/keys', jwks: { keys: [rsa] } },
    { ...jwt, jwks: { keys: [{ ...rsa, d: 'private' }] } },
    { ...jwt, jwks: { keys: [{ kty: 'oct', k: 'secret' }] } },
    { ...jwt, jwks: { keys: [rsa] }, algorithms: ['HS256'] },
    { ...jwt, jwks: { keys: [rsa] }, algorithms: ['none'] },
    { ...jwt, audience: [], jwks: { keys: [rsa] } },
    { type: 'signature' },
    { type: 'token', scope: 'admin' },
    { type: 'public' },
  ]) {
    expect([bad, isGood(bad)]).toEqual([bad, false]);
  }
});
