import { expect, test } from 'vitest';
import { defaultVersionConfig, versionConfigInputSchema } from '../../shared/version-config.ts';
import { resolveConfig } from './version-config.ts';

const defaults = defaultVersionConfig('nodejs', 'process');
const chosen = (...args: Parameters<typeof resolveConfig>) => [...resolveConfig(...args).chosen].sort();

test('takes what was said, else what the version before has, else the default', () => {
  const before = { ...defaults, memoryMb: 256, timeoutMs: 5000 };
  const { config } = resolveConfig({ timeoutMs: 1000 }, before, 'process');
  expect(config).toEqual({ ...before, timeoutMs: 1000 });
  expect(resolveConfig({}, undefined, 'process').config).toEqual(defaults);
  expect(resolveConfig({ runtime: 'python' }, before, 'process').config.handler).toBe('main.handler');
});

test('what was said counts as chosen, and so does what the version before has beyond the defaults', () => {
  expect(chosen({ memoryMb: 128 }, undefined, 'process')).toEqual(['memoryMb']);
  expect(chosen({}, { ...defaults, cpus: 2 }, 'process')).toEqual(['cpus']);
});

test('a client that sends back the configuration that it read chooses nothing new', () => {
  expect(chosen(defaults, defaults, 'process')).toEqual([]);
  expect(chosen({ ...defaults, tmpMb: 128 }, defaults, 'process')).toEqual(['tmpMb']);
  expect(chosen({ ...defaults }, { ...defaults, memoryMb: 256 }, 'process')).toEqual(['memoryMb']);
});

test('null takes back what the version before has, where it stands for something', () => {
  const before = { ...defaults, idleTimeoutMs: 60_000, maxConcurrency: 3, auth: { type: 'token' as const } };
  const { config } = resolveConfig({ idleTimeoutMs: null, maxConcurrency: null, auth: null }, before, 'process');
  expect(config).toEqual(defaults);
});

test('a version that is given an image needs nothing else said, whatever code the version before has', () => {
  const input = versionConfigInputSchema.parse({ image: { reference: 'team/web:1' } });
  for (const before of [undefined, { ...defaults, memoryMb: 256 }, { ...defaults, isolation: 'qemu' as const }]) {
    const { config } = resolveConfig(input, before, 'process');
    expect(config).toMatchObject({ runtime: 'image', isolation: 'docker', handler: 'image', image: input.image });
    expect(config.memoryMb).toBe(before?.memoryMb ?? defaults.memoryMb);
  }
  expect(() => resolveConfig({ ...input, isolation: 'process' }, defaults, 'process')).toThrow('must be "docker"');
  expect(() => resolveConfig({ ...input, runtime: 'nodejs' }, defaults, 'process')).toThrow('runtime "image" alone');
});

test('the next version of an image keeps it, takes another one, or goes back to code', () => {
  const { config: before } = resolveConfig(
    versionConfigInputSchema.parse({ image: { reference: 'team/web:1', port: 9000 } }),
    undefined,
    'process',
  );
  expect(resolveConfig({ memoryMb: 256 }, before, 'process').config).toEqual({ ...before, memoryMb: 256 });
  const other = versionConfigInputSchema.parse({ image: { reference: 'team/web:2' } });
  expect(resolveConfig(other, before, 'process').config.image).toMatchObject({ reference: 'team/web:2', port: 8080 });
  const code = { handler: 'index.handler', image: null, isolation: 'docker' };
  expect(resolveConfig({ image: null }, before, 'process').config).toMatchObject({ ...code, runtime: 'nodejs' });
  expect(resolveConfig({ runtime: 'nodejs' }, before, 'process').config).toMatchObject({ ...code, runtime: 'nodejs' });
});

test('retries and batches may name one field; the others have their defaults, not what the version before has', () => {
  const input = versionConfigInputSchema.parse({ retry: { maxAttempts: 7 }, batch: { maxSize: 16 } });
  const before = { ...defaults, retry: { ...defaults.retry, maxAgeMs: 5000 } };
  const { config } = resolveConfig(input, before, 'process');
  expect(config.retry).toEqual({ ...defaults.retry, maxAttempts: 7 });
  expect(config.batch).toEqual({ ...defaults.batch, maxSize: 16 });
});

test('refuses fields that contradict each other', () => {
  expect(() => resolveConfig({ minInstances: 3, maxInstances: 2 }, undefined, 'process')).toThrow(
    /minInstances must not/,
  );
  expect(() => resolveConfig({ maxInstances: 2, reservedConcurrency: 3 }, undefined, 'process')).toThrow(
    'reservedConcurrency must not be more than the 2 calls',
  );
  const cors = { origins: ['https://a.example', '*'], credentials: true };
  expect(() => resolveConfig({ cors }, undefined, 'process')).toThrow('not "*" together with credentials');
  expect(() => resolveConfig({ cors: { ...cors, credentials: false } }, undefined, 'process')).not.toThrow();
});

test('a schema of the event is taken over, taken back with null, and refused where it cannot be shown as a form', () => {
  const inputSchema = { type: 'object', properties: { id: { type: 'integer' } } };
  const before = resolveConfig({ inputSchema }, undefined, 'process').config;
  expect(before.inputSchema).toEqual(inputSchema);
  expect(resolveConfig({ memoryMb: 256 }, before, 'process').config.inputSchema).toEqual(inputSchema);
  expect(resolveConfig({ inputSchema: null }, before, 'process').config.inputSchema).toBeNull();
  const refused = { type: 'object', properties: { id: { type: 'integer', oneOf: [] } } };
  expect(() => resolveConfig({ inputSchema: refused }, undefined, 'process')).toThrow(
    'inputSchema.properties.id.oneOf is not supported for type "integer"; supported are type, title',
  );
  expect(() => resolveConfig({ inputSchema: { type: 'object', x: 'x'.repeat(33_000) } }, undefined, 'process')).toThrow(
    'inputSchema must be at most 32 KiB of JSON',
  );
});

test('environments: names and values that no process could have are refused with what is wrong', () => {
  const problem = (env: Record<string, string>) =>
    versionConfigInputSchema.safeParse({ env }).error?.issues[0]?.message;
  expect(problem({ A: 'line\n"$(x)" \u{1f600}' })).toBeUndefined();
  expect(problem({ A: 'x\0y' })).toBe('must not have a NUL character');
  expect(problem({ 'A=B': 'x' })).toBe('a name has letters, digits and _ only, and does not start with a digit');
  expect(problem({ PATH: '/x' })).toContain('set by the platform');
});
