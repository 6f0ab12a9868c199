import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const configuration = require('../.dependency-cruiser.cjs') as { forbidden: readonly { readonly name: string }[] };
const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');

interface Cruise {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly { readonly from: string; readonly to: string; readonly rule: { name: string } }[];
  };
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Runs the real tool with the real configuration; violations as `rule: from -> to`. */
function cruise(cwd: string, paths: readonly string[]): { readonly modules: number; readonly violations: string[] } {
  const argv = [cruiser, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...paths];
  const output = execFileSync(process.execPath, argv, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 });
  const { summary } = JSON.parse(output) as Cruise;
  return {
    modules: summary.totalCruised,
    violations: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
  };
}

type Tree = Readonly<Record<string, string>>;

/** A small project with the real configuration and packages of its own. */
function cruiseTree(tree: Tree): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-direction-'));
  folders.push(folder);
  for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'tsconfig.base.json']) {
    copyFileSync(join(root, name), join(folder, name));
  }
  const manifest = { name: 'planted', dependencies: { listed: '1.0.0' }, devDependencies: { tool: '1.0.0' } };
  const packages = Object.fromEntries(
    ['listed', 'tool', 'unlisted'].flatMap((name) => [
      [`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' })],
      [`node_modules/${name}/index.js`, 'module.exports = {};'],
    ]),
  );
  for (const [path, text] of Object.entries({ 'package.json': JSON.stringify(manifest), ...packages, ...tree })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const paths = [...new Set(Object.keys(tree).map((path) => path.split('/')[0] ?? ''))];
  return cruise(folder, paths).violations;
}

const value = 'export const a = 1;';
const drivers = 'backend/execution-engine/drivers';
const nodeGuest = 'backend/execution-engine/runtimes/nodejs/guest';

/** Rule, importing file, imported file (or package): each must be found, by that name. */
const planted: readonly (readonly [rule: string, from: string, to: string])[] = [
  ['shared-imports-nothing', 'shared/a.ts', 'backend/core/b.ts'],
  ['shared-is-platform-free', 'shared/a.ts', 'node:fs'],
  ['util-is-a-leaf', 'backend/util/a.ts', 'backend/core/b.ts'],
  ['core-is-pure', 'backend/core/a.ts', 'backend/util/b.ts'],
  ['config-is-a-leaf', 'backend/config/a.ts', 'backend/core/b.ts'],
  ['startup-direction', 'backend/startup/a.ts', 'backend/database/b.ts'],
  ['api-direction', 'backend/api/a.ts', 'backend/scheduler/b.ts'],
  ['gateway-direction', 'backend/gateway/a.ts', 'backend/api/b.ts'],
  ['control-plane-direction', 'backend/control-plane/a.ts', 'backend/database/b.ts'],
  ['scheduler-direction', 'backend/scheduler/a.ts', 'backend/database/b.ts'],
  ['pool-direction', 'backend/execution-engine/pool/a.ts', `${drivers}/docker/b.ts`],
  ['protocol-direction', 'backend/execution-engine/protocol/a.ts', 'backend/execution-engine/pool/b.ts'],
  ['guard-direction', 'backend/execution-engine/guarded-sandbox.ts', 'backend/execution-engine/pool/b.ts'],
  ['driver-direction', `${drivers}/process/a.ts`, `${drivers}/docker/b.ts`],
  ['driver-direction', `${drivers}/process/a.ts`, 'backend/database/b.ts'],
  ['driver-direction', `${drivers}/yet-to-come/a.ts`, 'backend/execution-engine/pool/b.ts'],
  ['driver-support-direction', `${drivers}/support/a.ts`, `${drivers}/process/b.ts`],
  ['egress-direction', 'backend/execution-engine/egress/a.ts', 'backend/execution-engine/pool/b.ts'],
  ['runtimes-direction', 'backend/execution-engine/runtimes/nodejs/a.ts', 'backend/execution-engine/builder/b.ts'],
  ['builder-direction', 'backend/execution-engine/builder/a.ts', 'backend/execution-engine/runtimes/nodejs/b.ts'],
  ['database-direction', 'backend/database/a.ts', 'backend/control-plane/b.ts'],
  ['notifications-direction', 'backend/notifications/a.ts', 'backend/metrics/b.ts'],
  ['backup-direction', 'backend/backup/a.ts', 'backend/database/b.ts'],
  ['secrets-direction', 'backend/secrets/a.ts', 'backend/database/b.ts'],
  ['metrics-direction', 'backend/metrics/a.ts', 'backend/database/b.ts'],
  ['folders-have-a-direction', 'backend/yet-to-come/a.ts', 'backend/core/b.ts'],
  ['frontend-direction', 'frontend/a.tsx', 'backend/core/b.ts'],
  ['cli-direction', 'cli/a.ts', 'backend/control-plane/b.ts'],
  ['guests-have-no-dependencies', `${nodeGuest}/a.ts`, 'shared/b.ts'],
  ['guests-have-no-dependencies', `${nodeGuest}/a.ts`, 'listed'],
  ['nothing-imports-tests', 'backend/main.ts', 'tests/fakes/b.ts'],
  ['nothing-imports-tests', 'scripts/a.ts', 'tests/fakes/b.ts'],
  ['no-undeclared-packages', 'backend/core/a.ts', 'unlisted'],
  ['no-dev-packages-in-the-product', 'backend/core/a.ts', 'tool'],
];

function specifier(from: string, to: string): string {
  if (!to.includes('/')) return to;
  return `${'../'.repeat(from.split('/').length - 1)}${to}`;
}

describe('a planted violation', () => {
  // One run for all: every importing file is one of a kind, and is seen alone.
  const cases = planted.map(([rule, from, to], index) => {
    const unique = /\/a\.tsx?$/.test(from) ? from.replace(/a(\.tsx?)$/, `a-${index}$1`) : from;
    return { rule, from: unique, to };
  });
  const tree = Object.fromEntries(
    cases.flatMap(({ from, to }) => [
      [from, `import '${specifier(from, to)}';`],
      ...(to.includes('/') ? [[to, value]] : []),
    ]),
  );
  let found: readonly string[] = [];
  beforeAll(() => {
    found = cruiseTree(tree).filter((line) => !line.startsWith('no-orphans'));
  });

  it.each(cases)('$rule: $from -> $to', ({ rule, from }) => {
    expect(found.filter((line) => line.includes(`: ${from} -> `))).toEqual([
      expect.stringContaining(`${rule}: ${from} -> `),
    ]);
  });

  it('is found in a type-only import too', () => {
    const found = cruiseTree({
      'backend/core/a.ts': "import type { B } from '../api/b.ts';\nexport const a: B = 1;",
      'backend/api/b.ts': 'export type B = number;',
    });
    expect(found).toEqual(['core-is-pure: backend/core/a.ts -> backend/api/b.ts']);
  });

  it('is found when values go round in a circle, not when types do', () => {
    const circle = (word: string): Tree => ({
      'backend/core/a.ts': "import { b } from './b.ts';\nexport type A = number;\nexport const a = () => b();",
      'backend/core/b.ts': `import ${word}{ type A, a } from './a.ts';\nexport const b = (): A => a();`,
    });
    const found = cruiseTree(circle(''));
    expect(found.length).toBeGreaterThan(0);
    expect(found.every((line) => line.startsWith('no-cycles: backend/core/'))).toBe(true);
    const types = {
      ...circle(''),
      'backend/core/b.ts': "import type { A } from './a.ts';\nexport const b = (): A => 1;",
    };
    expect(cruiseTree(types)).toEqual([]);
  });

  it('is found in a file that nobody imports', () => {
    expect(cruiseTree({ 'backend/core/a.ts': value })).toEqual(['no-orphans: backend/core/a.ts -> backend/core/a.ts']);
  });

  it('exists here for every rule of the configuration', () => {
    const seen = new Set([...planted.map(([rule]) => rule), 'no-cycles', 'no-orphans']);
    expect(configuration.forbidden.map((rule) => rule.name).filter((name) => !seen.has(name))).toEqual([]);
    expect(seen.size).toBe(configuration.forbidden.length);
  });
});

describe('what is allowed', () => {
  it('passes: the composition root names adapters, tests import anything, drivers share their support', () => {
    const uses =
      (...paths: readonly string[]) =>
      (from: string) =>
        paths.map((path) => `import '${specifier(from, path)}';`).join('\n');
    const imports: Readonly<Record<string, (from: string) => string>> = {
      'backend/main.ts': uses('backend/database/store.ts', `${drivers}/catalog.ts`, 'backend/scheduler/local.ts'),
      [`${drivers}/catalog.ts`]: uses(`${drivers}/process/driver.ts`, `${drivers}/docker/driver.ts`),
      [`${drivers}/process/driver.ts`]: uses(`${drivers}/support/a.ts`, 'backend/core/a.ts'),
      [`${drivers}/docker/driver.ts`]: uses(`${drivers}/support/a.ts`, 'listed'),
      'backend/scheduler/local.ts': uses('backend/core/a.ts', 'shared/a.ts'),
      'backend/scheduler/local.test.ts': uses('backend/scheduler/local.ts', 'backend/database/store.ts', 'tool'),
      'backend/database/store.ts': uses('backend/core/a.ts', 'backend/util/a.ts'),
      [`${nodeGuest}/agent.ts`]: uses('node:fs'),
    };
    const tree = Object.entries(imports).map(([path, text]) => [path, text(path)] as const);
    const leaves = ['backend/core/a.ts', 'backend/util/a.ts', 'shared/a.ts', `${drivers}/support/a.ts`];
    expect(
      cruiseTree({ ...Object.fromEntries(tree), ...Object.fromEntries(leaves.map((path) => [path, value])) }),
    ).toEqual([]);
  });
});

// A cruiser that cannot read TypeScript (a compiler it does not know is enough) finds nothing and says that all is well.
it('the project itself keeps the direction, and all of it was looked at', () => {
  const { modules, violations } = cruise(root, ['shared', 'backend', 'cli', 'frontend', 'scripts']);
  expect(violations).toEqual([]);
  expect(modules).toBeGreaterThan(200);
});
