import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  countPackages,
  isAllowedLicence,
  type LockEntry,
  type Manifest,
  readSupplyChain,
  type SupplyChain,
  violations,
} from '../scripts/supply-chain.ts';

const root = join(import.meta.dirname, '..');
const real = readSupplyChain(root);
const integrity = `sha512-${'A'.repeat(86)}==`;
const sound: LockEntry = { version: '1.0.0', integrity, license: 'MIT' };

/** The real supply chain with one more package. */
const withEntry = (path: string, entry: LockEntry, installed: Manifest | null = null): SupplyChain => ({
  ...real,
  lock: { ...real.lock, packages: { ...real.lock.packages, [path]: entry } },
  installed: (wanted) => (wanted === path ? installed : real.installed(wanted)),
});

describe('the supply chain', () => {
  it('has nothing to object to', () => {
    expect(violations(real)).toEqual([]);
  });

  const planted: readonly (readonly [string, SupplyChain, RegExp])[] = [
    [
      'no integrity',
      withEntry('node_modules/x', { version: '1.0.0', license: 'MIT', dev: true }),
      /no sha512 integrity/,
    ],
    [
      'a weak hash',
      withEntry('node_modules/x', { ...sound, dev: true, integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }),
      /no sha512 integrity/,
    ],
    [
      'a git dependency',
      withEntry('node_modules/x', { ...sound, dev: true, resolved: 'git+ssh://git@github.com/a/x.git#0123' }),
      /comes from git/,
    ],
    [
      'plain HTTP',
      withEntry('node_modules/x', { ...sound, dev: true, resolved: 'http://registry.npmjs.org/x/-/x-1.0.0.tgz' }),
      /comes from http:/,
    ],
    [
      'another host with the same beginning',
      withEntry('node_modules/x', { ...sound, dev: true, resolved: 'https://registry.npmjs.org.example/x.tgz' }),
      /comes from https:/,
    ],
    ['a file', withEntry('node_modules/x', { ...sound, dev: true, resolved: 'file:x.tgz' }), /comes from file:/],
    ['a link', withEntry('node_modules/x', { link: true, resolved: 'x', dev: true }), /is a link/],
    ['GPL in the lock', withEntry('node_modules/x', { ...sound, license: 'GPL-3.0-only' }), /licence "GPL-3.0-only"/],
    [
      'GPL on the disk alone',
      withEntry('node_modules/x', sound, { license: 'GPL-3.0-only' }),
      /licence "GPL-3.0-only"/,
    ],
    ['no licence', withEntry('node_modules/x', { version: '1.0.0', integrity }), /licence "none"/],
    [
      'an install script',
      withEntry('node_modules/x', { ...sound, hasInstallScript: true }),
      /^x has an install script/,
    ],
    [
      'an install script on the disk alone',
      withEntry('node_modules/@a/x', sound, { license: 'MIT', scripts: { preinstall: 'node a' } }),
      /^@a\/x has an install script/,
    ],
    ['scripts that would run', { ...real, npmrc: 'save-exact=true\n' }, /ignore-scripts/],
    ['a range', { ...real, manifest: { dependencies: { x: '^1.0.0' } } }, /asks for x \^1\.0\.0/],
    ['a git address', { ...real, manifest: { devDependencies: { x: 'github:a/x' } } }, /asks for x github/],
    ['a package more than the page says', withEntry('node_modules/x', sound), /docs\/supply-chain\.md says \d+/],
    ['no reason', { ...real, page: real.page.replace('## Why more than 60', '## Why') }, /needs "## Why more than 60"/],
    ['an older lock file', { ...real, lock: { ...real.lock, lockfileVersion: 1 } }, /lockfileVersion 3/],
  ];
  it.each(planted)('refuses %s', (_name, chain, message) => {
    expect(violations(chain)).toContainEqual(expect.stringMatching(message));
  });

  it('takes a reason away that nothing needs', () => {
    const { 'node_modules/esbuild': _removed, ...packages } = real.lock.packages;
    const chain = { ...real, lock: { ...real.lock, packages } };
    expect(violations(chain)).toContainEqual(expect.stringContaining('esbuild has no install script any more'));
  });

  it('counts the builds of one program once', () => {
    const before = countPackages(real);
    const more = { ...sound, optional: true, os: ['plan9'], cpu: ['x64'] };
    const parent = { ...sound, optionalDependencies: { '@x/plan9': '1.0.0', '@x/beos': '1.0.0' } };
    const packages = {
      ...real.lock.packages,
      'node_modules/x': parent,
      'node_modules/@x/plan9': more,
      'node_modules/@x/beos': { ...more, os: 'beos' },
      'node_modules/tool': { ...sound, dev: true },
    };
    expect(countPackages({ ...real, lock: { ...real.lock, packages } })).toBe(before + 2);
  });

  it('reads licence expressions', () => {
    expect(['MIT', '(MIT OR GPL-2.0-only)', 'MIT AND ISC', 'GPL-2.0-only OR MIT'].map(isAllowedLicence)).toEqual(
      [true, true, true, true], // one choice is enough
    );
    const refused = ['MIT AND GPL-2.0-only', 'UNLICENSED', '', undefined, { type: 'MIT' }, 'SEE LICENSE IN x', 'mit'];
    expect(refused.filter(isAllowedLicence)).toEqual([]);
  });

  it('prints an SBOM with every production package and its hash', () => {
    const text = execFileSync(process.execPath, ['scripts/supply-chain.ts', '--sbom'], { cwd: root, encoding: 'utf8' });
    const bom = JSON.parse(text) as {
      readonly bomFormat: string;
      readonly components: readonly {
        readonly name: string;
        readonly version: string;
        readonly hashes?: readonly { readonly alg: string }[];
      }[];
    };
    expect(bom.bomFormat).toBe('CycloneDX');
    const wanted = Object.entries(real.lock.packages)
      .filter(([path, entry]) => path !== '' && entry.dev !== true)
      .map(([path, entry]) => `${path.replace(/^.*node_modules\//, '')}@${entry.version}`);
    expect(new Set(bom.components.map(({ name, version }) => `${name}@${version}`))).toEqual(new Set(wanted));
    for (const component of bom.components) expect(component.hashes?.[0]?.alg, component.name).toBe('SHA-512');
  });
});
