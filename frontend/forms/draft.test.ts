import { describe, expect, it } from 'vitest';
import { createFunctionSchema, versionSchema } from '../../shared/api/functions.ts';
import { egressSchema } from '../../shared/egress.ts';
import { defaultVersionConfig, versionConfigInputSchema, versionConfigSchema } from '../../shared/version-config.ts';
import {
  changedConfigOf,
  checkSettings,
  chosenConfigOf,
  configOf,
  emptySettings,
  errorsAt,
  type SettingsDraft,
  settingsOfTemplate,
  settingsOfVersion,
} from './draft.ts';
import { egressDraft } from './egress-text.ts';
import { checkNumbers, numberKeys, numberSettings, numbersOf } from './number-settings.ts';
import { templates } from './templates.ts';
import { checkWindows, emptyWindow, maxWindows, windowOf } from './window-draft.ts';

describe('settings', () => {
  it('are accepted by the platform as they stand', () => {
    expect(checkSettings(emptySettings)).toEqual({});
    const body = { name: 'f', files: { 'index.mjs': '' }, ...configOf(emptySettings) };
    expect(createFunctionSchema.safeParse(body).success).toBe(true);
  });

  it('of a new function say only what was chosen: a host that does not enforce a limit refuses it when it is said', () => {
    expect(chosenConfigOf(emptySettings)).toEqual({ handler: 'index.handler', env: {} });
    expect(chosenConfigOf({ ...emptySettings, memoryMb: '256', env: 'A=1' })).toEqual({
      handler: 'index.handler',
      memoryMb: 256,
      env: { A: '1' },
    });
  });

  it('say batching and secrets when they were chosen, and keep the batches of a template', () => {
    const draft = { ...emptySettings, secrets: ['TOKEN'], batchMaxSize: '16' };
    expect(chosenConfigOf(draft)).toMatchObject({
      secrets: ['TOKEN'],
      batch: { maxSize: 16, windowMs: 0, maxBytes: 1_048_576 },
    });
    const template = templates.find((item) => item.settings.batch !== undefined);
    if (template === undefined) throw new Error('no template batches');
    expect(chosenConfigOf(settingsOfTemplate(template)).batch).toMatchObject(template.settings.batch ?? {});
  });

  it('say that calls share and places are reserved when that was chosen', () => {
    const draft = { ...emptySettings, singleFlight: 'on' as const, snapshots: false, reservedConcurrency: '5' };
    expect(chosenConfigOf(draft)).toMatchObject({ singleFlight: true, snapshots: false, reservedConcurrency: 5 });
    expect(Object.keys(checkSettings({ ...draft, reservedConcurrency: '-1' }))).toEqual(['reservedConcurrency']);
  });

  it('refuse a name that is variable and secret, more secrets than a version takes, and batches out of range', () => {
    expect(checkSettings({ ...emptySettings, env: 'TOKEN=1', secrets: ['TOKEN'] }).secrets).toContain('TOKEN');
    const many = Array.from({ length: 33 }, (_, index) => `S${index}`);
    expect(checkSettings({ ...emptySettings, secrets: many }).secrets).toBe('At most 32 secrets');
    const wrong = { ...emptySettings, batchMaxSize: '0', batchWindowMs: '60001', batchMaxBytes: '1048577' };
    expect(Object.keys(checkSettings(wrong)).sort()).toEqual(['batchMaxBytes', 'batchMaxSize', 'batchWindowMs']);
  });

  it('say what is wrong with a schema of the event, and send it when there is one', () => {
    const error = (inputSchema: string) => checkSettings({ ...emptySettings, inputSchema }).inputSchema;
    expect(error('{"type":')).toMatch(/^Not JSON: /);
    expect(error('[]')).toBe('The schema must be a schema, which is a JSON object');
    expect(error('{"type":"object","properties":{"a":{"type":"text"}}}')).toMatch(
      /^properties\.a\.type must be one of/,
    );
    const draft = { ...emptySettings, inputSchema: '{"type":"object"}' };
    expect(checkSettings(draft)).toEqual({});
    expect(chosenConfigOf(draft).inputSchema).toEqual({ type: 'object' });
    expect(chosenConfigOf(emptySettings)).not.toHaveProperty('inputSchema');
  });

  it('name each wrong field', () => {
    const errors = checkSettings({
      ...emptySettings,
      timeoutMs: '0',
      memoryMb: '12.5',
      cpus: 'many',
      handler: 'a b',
      env: 'x',
      maxInstances: '',
    });
    expect(Object.keys(errors).sort()).toEqual(['cpus', 'env', 'handler', 'maxInstances', 'memoryMb', 'timeoutMs']);
    expect(errors.timeoutMs).toBe('A whole number from 1 to 900000');
    expect(checkSettings({ ...emptySettings, cpus: '0.5' })).toEqual({});
  });

  it('come back from a version as they were', () => {
    const config = {
      ...{
        runtime: 'nodejs',
        handler: 'index.handler',
        isolation: 'process',
        timeoutMs: 5000,
        memoryMb: 256,
        cpus: 0.5,
        maxPids: 64,
        tmpMb: 64,
      },
      ...{
        env: { A: 'plain', B: 'two\nlines', C: ' padded "x"', D: "'quoted'", E: 'a #b' },
        secrets: ['TOKEN'],
        concurrency: 2,
        minInstances: 1,
        maxInstances: 9,
        idleTimeoutMs: 60_000,
      },
      ...{
        initTimeoutMs: 10_000,
        batch: { maxSize: 8, windowMs: 20, maxBytes: 4096 },
        egress: 'none',
        maxRequestBytes: 1,
        maxResponseBytes: 1,
        cors: null,
        image: null,
        provisionedWindows: [{ minInstances: 2, days: ['mon'], from: '08:00', to: '18:00', timeZone: 'Europe/Berlin' }],
        maxConcurrency: 7,
        weight: 20,
        auth: null,
        rateLimits: [
          { by: 'address', requests: 100, windowSeconds: 60 },
          { by: 'address', requests: 5, windowSeconds: 1 },
        ],
        singleFlight: { headers: ['x-tenant'] },
        snapshots: false,
        reservedConcurrency: 3,
        capture: { requests: 'all', maxBytes: 10 },
        inputSchema: { type: 'object', properties: { id: { type: 'integer' } } },
      },
      retry: { maxAttempts: 1, maxAgeMs: 1000, minBackoffMs: 10, maxBackoffMs: 10 },
    };
    const at = '2026-11-24T12:00:00Z';
    const version = versionSchema.parse({
      id: 'v',
      functionName: 'f',
      version: 1,
      config,
      digest: '',
      sizeBytes: 1,
      fileCount: 1,
      message: '',
      createdAt: at,
      createdBy: '',
      aliases: [],
    });
    const { runtime: _runtime, image: _image, ...shown } = version.config;
    expect(configOf(settingsOfVersion(version))).toEqual(shown);
    const { retry, inputSchema } = version.config;
    const before = settingsOfVersion(version);
    expect(changedConfigOf(before, before)).toEqual({});
    const after = { ...before, idleTimeoutMs: '', retryMaxAttempts: '2' };
    expect(changedConfigOf(before, after)).toEqual({ idleTimeoutMs: null, retry: { ...retry, maxAttempts: 2 } });
    const spaced = { ...before, inputSchema: JSON.stringify(inputSchema) };
    expect(changedConfigOf(before, spaced)).toEqual({});
    expect(changedConfigOf(before, { ...before, inputSchema: ' ' })).toEqual({ inputSchema: null });
    const fewer = { ...before, rateLimits: before.rateLimits.slice(1) };
    expect(changedConfigOf(before, fewer)).toEqual({ rateLimits: [{ by: 'address', requests: 5, windowSeconds: 1 }] });
  });

  it('say when an instance ends, what is tried again and who may call only when that was chosen', () => {
    const draft = { ...emptySettings, idleTimeoutMs: '60000', retryMaxAttempts: '1', auth: 'token' as const };
    expect(chosenConfigOf(draft)).toMatchObject({
      idleTimeoutMs: 60_000,
      retry: { maxAttempts: 1, maxAgeMs: 21_600_000, minBackoffMs: 1000, maxBackoffMs: 300_000 },
      auth: { type: 'token' },
    });
    const ofCallers = { by: 'caller', requests: '0', windowSeconds: '60' } as const;
    expect(checkSettings({ ...draft, rateLimits: [ofCallers] }).rateLimits).toBe(
      'Rate limit 1: A whole number from 1 to 1000000',
    );
    const open = { ...draft, auth: 'public' as const, rateLimits: [{ ...ofCallers, requests: '1' }] };
    expect(checkSettings(open).rateLimits).toContain('Nobody knows who calls');
    const wrong = { idleTimeoutMs: '999', retryMaxAttempts: '21', retryMaxAgeMs: '', retryMinBackoffMs: '300001' };
    expect(checkSettings({ ...draft, ...wrong })).toEqual({
      idleTimeoutMs: 'A whole number from 1000 to 86400000',
      retryMaxAttempts: 'A whole number from 1 to 20',
      retryMaxAgeMs: 'A whole number from 1000 to 604800000',
      retryMinBackoffMs: 'Must not be more than maxBackoffMs',
    });
  });
});

describe('the form', () => {
  /** Fields of a version that the form does not have, and why. */
  const elsewhere: Readonly<Record<string, string>> = {
    runtime: 'chosen when the function is made; another one is another program',
    image: 'has a form of its own, image-draft.ts',
  };
  /** What a deployment takes beside the settings, and why the form does not have it. */
  const besides: Readonly<Record<string, string>> = {
    files: 'the code, edited on the page Code',
    message: 'asked for beside the changes',
    routes: 'edited on the page Triggers, without a new version',
    schedules: 'edited on the page Triggers, without a new version',
    promote: 'moved on the page Versions; settings go live at once',
    name: 'chosen when the function is made',
    description: 'belongs to the function, not to a version: the card About',
    tags: 'belongs to the function, not to a version: the card About',
  };
  const everything = configOf({ ...emptySettings, isolation: 'process', egress: 'none' });

  it('has every field that a deployment takes, but for those that are said to be elsewhere', () => {
    const config = versionConfigSchema.keyof().options.filter((key) => !(key in elsewhere));
    expect(Object.keys(everything).sort()).toEqual([...config].sort());
    const whole = createFunctionSchema.keyof().options.filter((key) => !(key in elsewhere) && !(key in besides));
    expect([...whole].sort()).toEqual([...config].sort());
  });

  it('has every field of batches and retries', () => {
    const { batch, retry } = versionConfigSchema.shape;
    expect(Object.keys(everything.batch ?? {}).sort()).toEqual(Object.keys(batch.shape).sort());
    expect(Object.keys(everything.retry ?? {}).sort()).toEqual(Object.keys(retry.shape).sort());
  });

  it('begins with the defaults of the platform, within the ranges of the platform', () => {
    const { handler, isolation, egress, runtime, image, ...defaults } = defaultVersionConfig('nodejs', 'process');
    expect(everything).toEqual({ ...defaults, handler, isolation, egress });
    for (const key of numberKeys) {
      const { path, min, max } = numberSettings[key];
      for (const [value, isFine] of [
        [min, true],
        [max, true],
        [min - 1, false],
        [max + 1, false],
      ] as const) {
        const draft = { ...emptySettings, [key]: String(value) };
        expect(checkNumbers(draft)[key] === undefined, `${key} ${value}`).toBe(isFine);
        const input = numbersOf(draft);
        const [field = ''] = path.split('.');
        const sent = { [field]: input[field as keyof typeof input] };
        expect(versionConfigInputSchema.safeParse(sent).success, `${path} ${value}`).toBe(isFine);
      }
    }
  });

  it('says what the platform refuses beside the field that it is about', () => {
    const issue = (path: string) => ({ path, message: 'is wrong' });
    const paths = ['memoryMb', 'retry.maxAgeMs', 'batch.maxSize', 'env.A', 'auth.jwksUrl', 'cors.maxAgeSeconds'];
    expect(errorsAt([...paths, 'egress.allow.0', 'provisionedWindows.0.to', 'nothing'].map(issue))).toEqual({
      ...{ memoryMb: 'Is wrong', retryMaxAgeMs: 'Is wrong', batchMaxSize: 'Is wrong', env: 'Is wrong' },
      ...{ jwksUrl: 'Is wrong', corsMaxAgeSeconds: 'Is wrong', egressHosts: 'Is wrong' },
      provisionedWindows: 'Is wrong',
    });
  });

  it('refuses what contradicts itself, in the words of the platform', () => {
    const window = { ...emptyWindow('UTC'), minInstances: '21' };
    const draft = { ...emptySettings, minInstances: '21', reservedConcurrency: '22', provisionedWindows: [window] };
    expect(checkSettings(draft)).toEqual({
      minInstances: 'Must not be more than maxInstances (20)',
      reservedConcurrency: 'Must not be more than the 21 calls that the function can have in flight',
      provisionedWindows: 'Window 1: must not be more than maxInstances (20)',
    });
    const wrong = { ...window, minInstances: '', days: [], to: '08:00', timeZone: 'Mars' };
    expect(checkWindows([wrong])).toEqual([
      { minInstances: 'A whole number from 1 to 100', days: 'Choose at least one day', timeZone: expect.any(String) },
    ]);
    expect(checkWindows([{ ...window, minInstances: '1', to: '08:00' }])).toEqual([{ to: 'must differ from `from`' }]);
    const many = (count: number) => Array.from({ length: count }, () => windowOf(window));
    expect(versionConfigSchema.shape.provisionedWindows.safeParse(many(maxWindows)).success).toBe(true);
    expect(versionConfigSchema.shape.provisionedWindows.safeParse(many(maxWindows + 1)).success).toBe(false);
    expect(checkSettings({ ...emptySettings, env: 'PATH=/bin' }).env).toContain('set by the platform');
    const shared = { ...emptySettings, singleFlight: 'headers' as const, singleFlightHeaders: 'X-Tenant, accept' };
    expect(configOf(shared).singleFlight).toEqual({ headers: ['x-tenant', 'accept'] });
    expect(checkSettings({ ...shared, singleFlightHeaders: 'é' }).singleFlightHeaders).toBe(
      'Names of headers, at most 20',
    );
  });
});

describe('the outgoing network', () => {
  const withHosts = (egressHosts: string): SettingsDraft => ({ ...emptySettings, egress: 'hosts', egressHosts });

  it('is a list with one host a line, and comes back as it was', () => {
    const draft = withHosts(' api.example.com\n\n*.example.org:8443 ');
    expect(checkSettings(draft)).toEqual({});
    const { egress } = configOf(draft);
    expect(egress).toEqual({ allow: ['api.example.com', '*.example.org:8443'] });
    expect(egressDraft(egressSchema.parse(egress))).toEqual({
      egress: 'hosts',
      egressHosts: 'api.example.com\n*.example.org:8443',
    });
  });

  it('keeps hosts with a secret', () => {
    const rule = { host: 'api.example.com', secret: 'KEY', header: 'authorization', prefix: 'Bearer ' };
    const { egressHosts } = egressDraft({ allow: ['a.example', rule] });
    expect(configOf(withHosts(egressHosts)).egress).toEqual({ allow: ['a.example', rule] });
    expect(checkSettings(withHosts('{"host": "*.a.example", "secret": "KEY"}')).egressHosts).toContain('one host');
    expect(checkSettings(withHosts('{"host":')).egressHosts).toContain('without scheme and path');
  });

  it('says which host is wrong', () => {
    expect(checkSettings(withHosts('good.example\nhttps://bad.example')).egressHosts).toContain(
      '"https://bad.example"',
    );
    expect(checkSettings(withHosts(' \n')).egressHosts).toBe('Name at least one host');
    expect(checkSettings({ ...withHosts('bad host'), egress: 'all' })).toEqual({});
  });
});
