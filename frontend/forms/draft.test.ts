import { describe, expect, it } from 'vitest';
import { createFunctionSchema, versionSchema } from '../../shared/api/functions.ts';
import { egressSchema } from '../../shared/egress.ts';
import {
  changedConfigOf,
  checkSettings,
  chosenConfigOf,
  configOf,
  emptySettings,
  parseEnv,
  type SettingsDraft,
  settingsOfTemplate,
  settingsOfVersion,
} from './draft.ts';
import { egressDraft } from './egress-text.ts';
import { templates } from './templates.ts';

describe('parseEnv', () => {
  it('reads what stands in .env files', () => {
    const text = ['# comment', 'A=1', 'export B = two words', 'C="line\\nbreak"', "D='single'", 'E=', 'F=a=b', ''].join(
      '\r\n',
    );
    expect(parseEnv(text)).toEqual({
      env: { A: '1', B: 'two words', C: 'line\nbreak', D: 'single', E: '', F: 'a=b' },
      error: undefined,
    });
  });

  it('names the line that it does not understand', () => {
    expect(parseEnv('A=1\n2B=3').error).toBe('line 2: expected NAME=value');
  });

  it('keeps text in quotes that is no JSON string', () =>
    expect(parseEnv('A="C:\\dir"').env).toEqual({ A: 'C:\\dir' }));
});

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
    const draft = { ...emptySettings, singleFlight: true, snapshots: false, reservedConcurrency: '5' };
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
        env: { A: 'plain', B: 'two\nlines', C: ' padded "x"' },
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
        provisionedWindows: [],
        maxConcurrency: null,
        weight: 10,
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
    const { handler, isolation, timeoutMs, memoryMb, cpus, concurrency, minInstances, maxInstances } = version.config;
    const { env, egress, secrets, batch, singleFlight, snapshots, reservedConcurrency } = version.config;
    const { retry, idleTimeoutMs, auth, cors, inputSchema, rateLimits } = version.config;
    expect(configOf(settingsOfVersion(version))).toEqual({
      handler,
      isolation,
      timeoutMs,
      memoryMb,
      cpus,
      concurrency,
      minInstances,
      maxInstances,
      env,
      egress,
      secrets,
      batch,
      singleFlight,
      snapshots,
      reservedConcurrency,
      retry,
      idleTimeoutMs,
      auth,
      cors,
      inputSchema,
      rateLimits,
    });
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
      retryMinBackoffMs: 'Not more than the longest wait',
    });
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
