/**
 * What Hearth installs from others: every entry of package-lock.json has a hash and comes from the registry, licences are known ones, no
 * install script is there without a reason, versions are exact, and docs/supply-chain.md states the real number of packages.
 *
 * `node scripts/supply-chain.ts` checks, `--licences` lists production packages, `--sbom` prints a CycloneDX document made by `npm sbom`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The fields of an entry of package-lock.json (lockfileVersion 3) that are read here. Entry `''` is Hearth itself. */
export interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly os?: string | readonly string[];
  readonly cpu?: string | readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
export interface Manifest {
  readonly license?: unknown;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
export interface SupplyChain {
  readonly manifest: Manifest;
  readonly npmrc: string;
  readonly lock: { readonly lockfileVersion: number; readonly packages: Readonly<Record<string, LockEntry>> };
  /** The package.json of an entry, by its path in the lock; null when this machine does not have it (packages of other platforms). */
  readonly installed: (path: string) => Manifest | null;
  /** Text of docs/supply-chain.md. */
  readonly page: string;
}

/** Above this number of production packages the page has to say why. */
const packageGoal = 60;

/** SPDX ids that ask for no more than a notice. */
const allowedLicences: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
]);

/** Production packages that declare an install script, and why that is no harm. Nothing runs them: .npmrc says `ignore-scripts=true`. */
const reasonsForScripts: Readonly<Record<string, string>> = {
  esbuild: 'checks the program of its platform and replaces a start script by it; works without',
};

const registry = 'https://registry.npmjs.org/';
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** Production packages: what `npm ci --omit=dev` may install on some platform. */
const production = (chain: SupplyChain): readonly (readonly [string, LockEntry])[] =>
  Object.entries(chain.lock.packages).filter(([path, entry]) => path !== '' && entry.dev !== true);

/** Whether an SPDX expression leaves a choice that is allowed. Parentheses within an expression and exceptions (`WITH`) are refused. */
export function isAllowedLicence(expression: unknown): boolean {
  if (typeof expression !== 'string') return false;
  return expression
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((id) => allowedLicences.has(id)));
}

/** Number of production packages; the builds of one program for several platforms (optional, bound to `os` or `cpu`) count once. */
export function countPackages(chain: SupplyChain): number {
  const parents = Object.entries(chain.lock.packages);
  const counted = production(chain).map(([path, entry]) => {
    if (entry.optional !== true || (entry.os === undefined && entry.cpu === undefined)) return path;
    const parent = parents.find(([, candidate]) => candidate.optionalDependencies?.[nameOf(path)] !== undefined);
    return parent === undefined ? path : `platforms of ${parent[0]}`;
  });
  return new Set(counted).size;
}

function sources(chain: SupplyChain): readonly string[] {
  return Object.entries(chain.lock.packages).flatMap(([path, entry]) => {
    if (path === '') return [];
    if (entry.link === true) return [`${path} is a link to a folder; use a version of the registry`];
    // No `resolved` means the registry, by name and version (npm's omit-lockfile-registry-resolved).
    const isForeign = entry.resolved !== undefined && !entry.resolved.startsWith(registry);
    // A bundled package is part of the archive of its parent, whose hash covers it.
    const isHashed = entry.inBundle === true || /^sha512-[A-Za-z0-9+/]{86}==$/.test(entry.integrity ?? '');
    return [
      ...(isForeign ? [`${path} comes from ${entry.resolved}; use a version of ${registry}`] : []),
      ...(isHashed ? [] : [`${path} has no sha512 integrity in package-lock.json; install it again`]),
    ];
  });
}

function licences(chain: SupplyChain): readonly string[] {
  return production(chain).flatMap(([path, entry]) => {
    const installed = chain.installed(path);
    const found = installed === null ? [entry.license] : [entry.license, installed.license];
    const refused = found.filter((licence) => !isAllowedLicence(licence));
    return refused.length === 0
      ? []
      : [
          `${path} has the licence ${JSON.stringify(refused[0] ?? 'none')}, which is not on the list in scripts/supply-chain.ts`,
        ];
  });
}

function installScripts(chain: SupplyChain): readonly string[] {
  const scripted = production(chain)
    .filter(
      ([path, entry]) =>
        entry.hasInstallScript === true ||
        ['preinstall', 'install', 'postinstall'].some((name) => chain.installed(path)?.scripts?.[name] !== undefined),
    )
    .map(([path]) => nameOf(path));
  return [
    ...(/^ignore-scripts=true$/m.test(chain.npmrc) ? [] : ['.npmrc does not say ignore-scripts=true']),
    ...scripted
      .filter((name) => !Object.hasOwn(reasonsForScripts, name))
      .map(
        (name) =>
          `${name} has an install script; do without the package, or write the reason in scripts/supply-chain.ts`,
      ),
    ...Object.keys(reasonsForScripts)
      .filter((name) => !scripted.includes(name))
      .map((name) => `${name} has no install script any more; remove its reason from scripts/supply-chain.ts`),
  ];
}

function pins(chain: SupplyChain): readonly string[] {
  const { dependencies, devDependencies, optionalDependencies } = chain.manifest;
  return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version))
    .map(([name, version]) => `package.json asks for ${name} ${version}; write one exact version of the registry`);
}

function pageInStep(chain: SupplyChain): readonly string[] {
  const count = countPackages(chain);
  const stated = /^Production packages: (\d+)\.$/m.exec(chain.page)?.[1];
  return [
    ...(stated === String(count)
      ? []
      : [`docs/supply-chain.md says ${stated ?? 'no number of'} production packages; there are ${count}`]),
    ...(count <= packageGoal || /^## Why more than 60$/m.test(chain.page)
      ? []
      : [
          `${count} production packages are more than ${packageGoal}; docs/supply-chain.md needs "## Why more than 60"`,
        ]),
  ];
}

/** Everything that is wrong, one line each with what to do; empty when nothing is. */
export function violations(chain: SupplyChain): readonly string[] {
  if (chain.lock.lockfileVersion !== 3)
    return ['package-lock.json is not of lockfileVersion 3, the one that is checked here'];
  return [sources, licences, installScripts, pins, pageInStep].flatMap((check) => check(chain));
}

/** What is in the folder of a checkout. */
export function readSupplyChain(root: string): SupplyChain {
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');
  return {
    manifest: JSON.parse(read('package.json')) as Manifest,
    npmrc: read('.npmrc'),
    lock: JSON.parse(read('package-lock.json')) as SupplyChain['lock'],
    installed: (path) =>
      existsSync(join(root, path, 'package.json')) ? (JSON.parse(read(`${path}/package.json`)) as Manifest) : null,
    page: read('docs/supply-chain.md'),
  };
}

/**
 * A CycloneDX document of the production packages. Made from the lock file alone: the same on every platform, whatever is installed.
 * `npm sbom --omit=dev` would leave out production packages that something of development needs as well (esbuild, zod), so all are
 * asked for and those of development are taken out here.
 */
function billOfMaterials(root: string, chain: SupplyChain): object {
  const argv = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'];
  const text = execFileSync('npm', argv, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const all = JSON.parse(text) as {
    readonly metadata: { readonly component: { readonly 'bom-ref': string } };
    readonly components: readonly { readonly 'bom-ref': string }[];
    readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
  };
  const kept = new Set(production(chain).map(([path, entry]) => `${nameOf(path)}@${entry.version}`));
  return {
    ...all,
    components: all.components.filter((component) => kept.has(component['bom-ref'])),
    dependencies: all.dependencies
      .filter(({ ref }) => kept.has(ref) || ref === all.metadata.component['bom-ref'])
      .map((edge) => ({ ...edge, dependsOn: (edge.dependsOn ?? []).filter((ref) => kept.has(ref)) })),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = join(import.meta.dirname, '..');
  const chain = readSupplyChain(root);
  if (process.argv.includes('--sbom')) {
    process.stdout.write(`${JSON.stringify(billOfMaterials(root, chain), null, 2)}\n`);
  } else if (process.argv.includes('--licences')) {
    for (const [path, entry] of production(chain)) console.log(`${nameOf(path)} ${entry.version}: ${entry.license}`);
  } else {
    const broken = violations(chain);
    for (const line of broken) console.error(line);
    if (broken.length > 0) process.exitCode = 1;
    else console.log(`${countPackages(chain)} production packages, nothing to object to`);
  }
}
