import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PlatformError } from '../../shared/errors.ts';
import { type BundleDigest, type FunctionId, newId } from '../../shared/ids.ts';
import { defaultVersionConfig, type VersionConfig } from '../../shared/version-config.ts';
import type { AliasRecord, FunctionRecord, RouteRecord, VersionRecord } from '../core/ports/store.ts';
import { InMemoryFunctionDirectory } from './function-directory.ts';

function functionRecord(name: string, isEnabled = true): FunctionRecord {
  const id = newId('function');
  return { id, name, description: '', tags: [], isEnabled, latestVersion: 1, createdAt: 1, updatedAt: 1, revision: 1 };
}
function versionRecord(functionId: FunctionId, version: number, config: Partial<VersionConfig> = {}): VersionRecord {
  return {
    id: newId('version'),
    functionId,
    version,
    digest: 'd' as BundleDigest,
    sizeBytes: 1,
    fileCount: 1,
    config: { ...defaultVersionConfig('nodejs', 'process'), ...config },
    message: '',
    createdAt: 1,
    createdBy: 'test',
  };
}
function aliasRecord(functionId: FunctionId, versions: AliasRecord['versions'], name = 'live'): AliasRecord {
  return { functionId, name, versions, updatedAt: 1, revision: 1 };
}
function routeRecord(functionId: FunctionId, path: string, methods: readonly string[] = []): RouteRecord {
  return { id: newId('route'), functionId, path, methods, alias: 'live' };
}
function add(
  directory: InMemoryFunctionDirectory,
  name: string,
  routes: readonly string[] = [],
  isEnabled = true,
): FunctionRecord {
  const record = functionRecord(name, isEnabled);
  directory.apply({
    record,
    addedVersions: [versionRecord(record.id, 1)],
    aliases: [aliasRecord(record.id, [{ version: 1, weight: 1 }])],
    routes: routes.map((path) => routeRecord(record.id, path)),
  });
  return record;
}

describe('routes', () => {
  test('a function without routes answers at its name and below, and sees the rest', () => {
    const directory = new InMemoryFunctionDirectory();
    add(directory, 'hello');
    for (const path of ['/hello', '/hello/', '/hello/a/b', '/hello?x=1']) {
      expect(directory.matchRoute('POST', path)).toMatchObject({
        kind: 'match',
        match: { basePath: '/hello', params: {}, qualifier: 'live', version: { functionName: 'hello', version: 1 } },
      });
    }
    expect(directory.matchRoute('GET', '/hellox').kind).toBe('none');
  });

  test('explicit routes take the place of the default one', () => {
    const directory = new InMemoryFunctionDirectory();
    const record = add(directory, 'shop', ['/items/:id']);
    expect(directory.matchRoute('GET', '/items/7')).toMatchObject({ match: { basePath: '', params: { id: '7' } } });
    expect(directory.matchRoute('GET', '/shop').kind).toBe('none');
    directory.apply({ record, routes: [] });
    expect(directory.matchRoute('GET', '/items/7').kind).toBe('none');
    expect(directory.matchRoute('GET', '/shop').kind).toBe('match');
  });

  test('disabled and removed functions', () => {
    const directory = new InMemoryFunctionDirectory();
    const record = add(directory, 'off', [], false);
    expect(directory.matchRoute('GET', '/off')).toEqual({ kind: 'disabled', functionName: 'off' });
    expect(() => directory.resolve('off', 'live')).toThrow(expect.objectContaining({ code: 'function_disabled' }));
    expect([...directory.disabled()]).toEqual([record.id]);
    directory.apply({ record: { ...record, isEnabled: true } });
    expect(directory.disabled().size).toBe(0);
    directory.apply({ record });
    expect(directory.disabled().size).toBe(1);
    directory.remove(record.id);
    expect(directory.disabled().size).toBe(0);
    expect(directory.matchRoute('GET', '/off')).toEqual({ kind: 'none' });
    expect(directory.size).toBe(0);
  });

  test('conflicts name the owner; disjoint methods and own routes are free', () => {
    const directory = new InMemoryFunctionDirectory();
    add(directory, 'first', ['/x/:a']);
    const check =
      (name: string, path: string, methods: string[] = []) =>
      () =>
        directory.checkRoutes(name, [{ path, methods }]);
    expect(check('second', '/x/:b')).toThrow(/belongs to function first/);
    expect(check('first', '/x/:b')).not.toThrow();
    expect(check('second', '/x/b')).not.toThrow();
    expect(() =>
      directory.checkRoutes('s', [
        { path: '/y', methods: ['GET'] },
        { path: '/y/', methods: ['GET'] },
      ]),
    ).toThrow(/twice/);
    add(directory, 'third');
    expect(check('second', '/third/*', ['GET'])).toThrow(/function third/);
  });
});

describe('projects', () => {
  test('the same name is another function elsewhere, with a path of its own', () => {
    const directory = new InMemoryFunctionDirectory();
    const ours = add(directory, 'hello');
    const theirs = add(directory, 'acme/hello');
    expect(directory.matchRoute('GET', '/hello/a')).toMatchObject({ match: { basePath: '/hello' } });
    const found = directory.matchRoute('GET', '/~acme/hello/a');
    expect(found).toMatchObject({ match: { basePath: '/~acme/hello', version: { functionId: theirs.id } } });
    expect(directory.matchRoute('GET', '/acme/hello').kind).toBe('none');
    expect(directory.get('hello').record.id).toBe(ours.id);
    expect(directory.entriesOf('acme').map((entry) => entry.record.id)).toEqual([theirs.id]);
    directory.remove(theirs.id);
    expect(directory.matchRoute('GET', '/~acme/hello').kind).toBe('none');
  });

  test('no project gets a route below a path of another, and none says whose it is', () => {
    const directory = new InMemoryFunctionDirectory();
    const shop = add(directory, 'acme/shop', ['/orders/:id', '/orders']);
    add(directory, 'hello');
    const check = (name: string, path?: string) => () =>
      directory.checkRoutes(name, path === undefined ? [] : [{ path, methods: [] }]);
    for (const path of ['/orders/special', '/orders', '/orders/*']) {
      expect(check('other', path)).toThrow(expect.objectContaining({ code: 'route_taken' }));
      expect(check('other', path)).not.toThrow(/shop|acme/);
      expect(check('acme/more', path === '/orders' ? '/orders/x' : path)).not.toThrow();
    }
    expect(check('acme/more', '/hello/admin')).toThrow(expect.objectContaining({ code: 'route_taken' }));
    expect(check('orders')).toThrow(expect.objectContaining({ code: 'route_taken' }));
    for (const path of ['/*', '/:any', '/']) {
      expect(check('acme/more', path)).toThrow(expect.objectContaining({ code: 'bad_route' }));
      expect(check('catch-all', path)).not.toThrow();
    }
    expect(check('sly', '/~acme/shop')).toThrow(expect.objectContaining({ code: 'bad_route' }));
    expect(check('sly', '/%7Eacme/shop')).toThrow(expect.objectContaining({ code: 'bad_route' }));
    for (const path of ['/_hearth', '/_hearth/healthz', '/%5Fhearth/*'])
      for (const name of ['sly', 'acme/sly']) expect(check(name, path)).toThrow(/answered by the gateway itself/);
    directory.remove(shop.id);
    expect(check('other', '/orders')).not.toThrow();
  });
});

describe('qualifiers', () => {
  test('numbers, aliases, nothing', () => {
    const directory = new InMemoryFunctionDirectory();
    add(directory, 'f');
    expect(directory.resolve('f', '1')).toMatchObject({ qualifier: '1', version: { version: 1 } });
    expect(directory.resolve('f', 'live').version).toBe(directory.resolve('f', '1').version);
    for (const bad of ['2', '01', '', 'beta', '__proto__', '9'.repeat(40)]) {
      expect(() => directory.resolve('f', bad)).toThrow(expect.objectContaining({ code: 'qualifier_not_found' }));
    }
    for (const bad of ['g', '__proto__', 'constructor']) {
      expect(() => directory.resolve(bad, 'live')).toThrow(PlatformError);
    }
  });

  test('a weighted alias draws by weight, and always a version that it has', () => {
    const shares = fc.array(fc.double({ min: 0.001, max: 1000, noNaN: true }), { minLength: 1, maxLength: 5 });
    const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(shares, draw, (weights, point) => {
        const directory = new InMemoryFunctionDirectory({ random: () => point });
        const record = functionRecord('f');
        const versions = weights.map((weight, i) => ({ version: i + 1, weight }));
        directory.apply({
          record,
          addedVersions: versions.map(({ version }) => versionRecord(record.id, version)),
          aliases: [aliasRecord(record.id, versions)],
        });
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const { version } = directory.resolve('f', 'live').version;
        const before = weights.slice(0, version - 1).reduce((sum, weight) => sum + weight, 0);
        const own = weights[version - 1] ?? 0;
        expect(before / total).toBeLessThanOrEqual(point + 1e-9);
        expect((before + own) / total).toBeGreaterThanOrEqual(point - 1e-9);
      }),
      { seed: 5 },
    );
  });

  test('provisioned: behind live, enabled, asking for it', () => {
    const directory = new InMemoryFunctionDirectory();
    for (const [name, minInstances, isEnabled] of [
      ['a', 2, true],
      ['b', 0, true],
      ['c', 1, false],
    ] as const) {
      const record = functionRecord(name, isEnabled);
      directory.apply({
        record,
        addedVersions: [
          versionRecord(record.id, 1, { minInstances }),
          versionRecord(record.id, 2, { minInstances: 9 }),
        ],
        aliases: [aliasRecord(record.id, [{ version: 1, weight: 1 }])],
      });
    }
    expect(directory.provisioned().map((spec) => [spec.functionName, spec.version])).toEqual([['a', 1]]);
  });
});

describe('10,000 functions', () => {
  /** Of the processor, which does not depend on what else runs. */
  const cpuMsSince = (before: NodeJS.CpuUsage): number => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  async function loaded(count: number) {
    const functions = Array.from({ length: count }, (_, i) => functionRecord(`fn-${i}`));
    let parsed = 0;
    const versions = functions.map(({ id }) => {
      const record = versionRecord(id, 1);
      const { config } = record;
      return Object.defineProperty(record, 'config', {
        get: () => {
          parsed++;
          return config;
        },
      });
    });
    const aliases = functions.map(({ id }) => aliasRecord(id, [{ version: 1, weight: 1 }]));
    const all = <T>(items: readonly T[]) => ({ all: async () => items }) as never;
    const directory = new InMemoryFunctionDirectory();
    const heapBefore = process.memoryUsage().heapUsed;
    const cpuBefore = process.cpuUsage();
    await directory.load({
      functions: all(functions),
      versions: all(versions),
      aliases: all(aliases),
      routes: all([]),
    });
    const loadMs = cpuMsSince(cpuBefore);
    const heapMb = (process.memoryUsage().heapUsed - heapBefore) / 1024 / 1024;
    return { directory, loadMs, heapMb, parsed: () => parsed };
  }
  function nanosecondsPerMatch(directory: InMemoryFunctionDirectory, count: number): number {
    const paths = Array.from({ length: 64 }, (_, i) => `/fn-${(i * 151) % count}/a/b`);
    const rounds = 200_000;
    for (let i = 0; i < 20_000; i++) directory.matchRoute('GET', paths[i & 63] ?? '');
    const cpuBefore = process.cpuUsage();
    for (let i = 0; i < rounds; i++) directory.matchRoute('GET', paths[i & 63] ?? '');
    return (cpuMsSince(cpuBefore) * 1e6) / rounds;
  }

  test('load reads no configuration, and a match costs what it costs with ten', async () => {
    const ten = await loaded(10);
    const many = await loaded(10_000);
    expect(many.parsed()).toBe(0);
    const few = nanosecondsPerMatch(ten.directory, 10);
    const full = nanosecondsPerMatch(many.directory, 10_000);
    expect(many.loadMs).toBeLessThan(2000);
    // Measured 1.0 to 1.5 times; a cost that grew with the number of functions would be 1,000 times.
    expect(full).toBeLessThan(few * 20);
    process.stdout.write(
      `directory: 10,000 functions in ${many.loadMs.toFixed(0)} ms, ${many.heapMb.toFixed(1)} MB; match ${few.toFixed(0)} ns at 10, ${full.toFixed(0)} ns at 10,000\n`,
    );
  });
});
