import { describe, expect, it } from 'vitest';
import { callerAuthSchema } from '../../shared/caller-auth.ts';
import { type VersionConfig, versionConfigInputSchema, versionConfigSchema } from '../../shared/version-config.ts';
import { type AccessDraft, accessDraftOf, accessOf, checkAccess, emptyAccess } from './access-draft.ts';

const names = new Set(['HOOK_KEY']);
const draftOf = (change: Partial<AccessDraft>): AccessDraft => ({ ...emptyAccess, ...change });
const jwt = draftOf({
  auth: 'jwt',
  jwtIssuer: 'https://login.example',
  jwtAudience: 'shop\nadmin\n',
  jwksUrl: 'https://login.example/keys',
});

describe('who may call', () => {
  const key = { kty: 'OKP', crv: 'Ed25519', x: 'abc', kid: 'one' };
  const all: readonly VersionConfig['auth'][] = [
    null,
    { type: 'token' },
    { type: 'signature', key: 'HOOK_KEY' },
    { type: 'signature', key: 'HOOK_KEY', toleranceSeconds: 60 },
    { type: 'jwt', issuer: 'i', audience: ['a', 'b c'], jwksUrl: 'https://login.example/keys' },
    callerAuthSchema.parse({
      type: 'jwt',
      issuer: 'i',
      audience: ['a'],
      algorithms: ['EdDSA', 'ES256'],
      jwks: { keys: [key] },
      clockToleranceSeconds: 0,
    }),
  ];
  it.each(all.map((auth) => [JSON.stringify(auth), auth] as const))('comes back as it was: %s', (_, auth) => {
    const draft = accessDraftOf({ auth, cors: null });
    expect(checkAccess(draft, names)).toEqual({});
    expect(accessOf(draft)).toEqual({ auth, cors: null });
  });

  it('has every way that the API knows, and sends what the API accepts', () => {
    const known = callerAuthSchema.options.map(({ shape }) => shape.type.value);
    expect(new Set(all.flatMap((auth) => auth?.type ?? []))).toEqual(new Set(known));
    for (const auth of all) {
      const sent = accessOf(accessDraftOf({ auth, cors: null }));
      expect(versionConfigInputSchema.safeParse(sent).success, JSON.stringify(sent)).toBe(true);
    }
  });

  it('names each wrong field of JSON Web Tokens', () => {
    expect(checkAccess(jwt, names)).toEqual({});
    expect(checkAccess(draftOf({ auth: 'jwt' }), names)).toEqual({
      jwtIssuer: 'Fill this in',
      jwtAudience: 'Fill this in',
      jwksUrl: 'An address that begins with https://',
    });
    const wrong = { jwksUrl: 'http://login.example', jwtAlgorithms: 'RS256, HS256', jwtClockToleranceSeconds: '301' };
    const errors = checkAccess({ ...jwt, ...wrong }, names);
    expect(Object.keys(errors).sort()).toEqual(['jwksUrl', 'jwtAlgorithms', 'jwtClockToleranceSeconds']);
    expect(errors.jwtAlgorithms).toMatch(/^"HS256": /);
  });

  it('takes public keys alone, as JSON', () => {
    const withKeys = (jwks: string) => checkAccess({ ...jwt, jwtKeys: 'given', jwks }, names).jwks;
    expect(withKeys(JSON.stringify({ keys: [key] }))).toBeUndefined();
    expect(withKeys('{"keys": [')).toContain('JSON');
    expect(withKeys('')).toContain('JSON');
    expect(withKeys('{"keys": []}')).toBe('Fill this in');
    expect(withKeys(JSON.stringify({ keys: [{ ...key, d: 'secret' }] }))).toContain('private');
  });

  it('wants the key of signatures among the variables and secrets of the version', () => {
    const signed = draftOf({ auth: 'signature', authKey: 'HOOK_KEY', authToleranceSeconds: '3601' });
    expect(Object.keys(checkAccess(signed, names))).toEqual(['authToleranceSeconds']);
    expect(checkAccess(draftOf({ auth: 'signature', authKey: 'OTHER' }), names).authKey).toContain('Neither');
    expect(checkAccess(draftOf({ auth: 'signature', authKey: 'a b' }), names).authKey).toContain('name of a variable');
  });

  it('forgets nothing that was typed while another choice is looked at', () => {
    expect(accessOf({ ...jwt, auth: 'token' }).auth).toEqual({ type: 'token' });
    expect(accessOf({ ...jwt, auth: 'public' }).auth).toBeNull();
    expect(accessOf(jwt).auth).toMatchObject({ type: 'jwt', audience: ['shop', 'admin'] });
  });
});

describe('pages of other sites', () => {
  it.each([
    [{ origins: ['*'] }],
    [
      {
        origins: ['https://a.example', 'https://b.example'],
        methods: ['GET', 'POST'],
        headers: ['x-trace'],
        maxAgeSeconds: 0,
        credentials: true,
      },
    ],
  ])('come back as they were: %j', (input) => {
    const cors = versionConfigSchema.shape.cors.parse(input);
    const draft = accessDraftOf({ auth: null, cors });
    expect(checkAccess(draft, names)).toEqual({});
    expect(accessOf(draft)).toEqual({ auth: null, cors });
  });

  it('names each wrong field, with the line that is wrong', () => {
    const on = draftOf({ cors: 'on' });
    expect(checkAccess(on, names)).toEqual({ corsOrigins: 'Fill this in' });
    const wrong = { corsOrigins: 'https://a.example\nb c', corsMethods: 'GET, P(UT', corsMaxAgeSeconds: 'long' };
    const errors = checkAccess({ ...on, ...wrong }, names);
    expect(Object.keys(errors).sort()).toEqual(['corsMaxAgeSeconds', 'corsMethods', 'corsOrigins']);
    expect(errors.corsOrigins).toMatch(/^"b c": an origin/);
    expect(errors.corsMethods).toMatch(/^"P\(UT": not a method/);
    expect(checkAccess({ ...on, ...wrong, cors: 'off' }, names)).toEqual({});
    const open = checkAccess({ ...on, corsOrigins: '*', corsCredentials: true }, names);
    expect(open.corsOrigins).toMatch(/^not "\*" together with credentials/);
  });
});
