import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PlatformError } from '../../../shared/errors.ts';
import { exists } from '../../util/exists.ts';
import type { BuildContext, BuildTools, BundleRequest } from './build-context.ts';
import { buildEntrySource } from './build-entry-source.ts';
import { parseEsbuildLog, placedIn, sourcesRefused } from './build-errors.ts';
import { interpreterMounts, openBuildPlace, stagePrefix } from './build-place.ts';
import { BuildSandbox, buildUserId, type SandboxMount } from './build-sandbox.ts';
import { readMetafile } from './installed-packages.ts';
import { NpmCache } from './npm-cache.ts';
import { takeOwnership } from './ownership.ts';
import { reachableCopy } from './reachable-path.ts';
import { buildFailed, buildUnavailable } from './refusals.ts';
import { type AllowedHost, RegistryProxy } from './registry-proxy.ts';

const MiB = 1024 * 1024;
const defaultRegistry = 'https://registry.npmjs.org/';
const defaultIndex = 'https://pypi.org/simple/';
/** Where pypi.org keeps the packages themselves. */
const defaultHosts: readonly string[] = ['files.pythonhosted.org'];
/** Where systems keep the certificates that they trust. */
const caFiles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];
/** An ES module has no `require`; bundled CommonJS packages use one. esbuild renames a `require` of the user's own. */
const requireBanner =
  "import { createRequire as __hearthCreateRequire } from 'node:module'; const require = __hearthCreateRequire(import.meta.url); " +
  'const __hearthFile = import.meta.filename, __hearthFolder = import.meta.dirname;';

export interface SandboxedBuildToolsOptions {
  readonly nodePath: string;
  readonly pythonPath: string;
  /** Scratch space; when a build's own user cannot reach it, `/var/lib/hearth/build` or the system's temporary directory is used. */
  readonly workDirectory: string;
  /** Downloaded npm packages are kept here, each checked against its hash. */
  readonly cacheDirectory: string;
  readonly npmRegistry?: string;
  readonly pipIndex?: string;
  /** More hosts that builds may reach, `host` or `host:port`. */
  readonly registryHosts?: readonly string[];
  /** Memory of each process of a build. */
  readonly memoryMb?: number;
  readonly maxDiskBytes?: number;
  readonly maxTransferBytes?: number;
  /** For one command of a build. */
  readonly maxCommandMs?: number;
  readonly bwrapPath?: string;
  /** npm's directory, with bin/npm-cli.js; looked for in the usual places when left out. */
  readonly npmPath?: string;
  /** Trusted certificates in PEM, for mirrors with certificates of their own; the system's when left out. */
  readonly caFile?: string;
  readonly logger?: { debug(fields: object, message: string): void };
}

/** One build's directory that the sandbox sees: `app` (a copy of the bundle), `home`, and the socket to the registry proxy. */
interface Stage {
  readonly directory: string;
  readonly app: string;
  readonly home: string;
}

/** npm, pip and esbuild, each in a sandbox that reaches only the package registries. */
export class SandboxedBuildTools implements BuildTools {
  readonly #options: SandboxedBuildToolsOptions;
  readonly #sandbox: BuildSandbox;
  readonly #npmCache: NpmCache;
  readonly #owner = process.getuid?.() === 0 ? buildUserId : undefined;
  readonly #stages = new Map<string, Promise<Stage>>();
  #base: Promise<string> | undefined;

  constructor(options: SandboxedBuildToolsOptions) {
    this.#options = options;
    this.#npmCache = new NpmCache({ directory: options.cacheDirectory, maxBytes: 1024 * MiB });
    this.#sandbox = new BuildSandbox({
      bwrapPath: options.bwrapPath ?? '/usr/bin/bwrap',
      memoryMb: options.memoryMb ?? 2048,
      maxProcesses: 512,
      maxDiskBytes: options.maxDiskBytes ?? 1024 * MiB,
      maxDiskFiles: 100_000,
      maxMs: options.maxCommandMs ?? 300_000,
    });
  }

  async installNpm(context: BuildContext): Promise<string> {
    const npm = await this.#findNpm();
    const stage = await this.#stage(context);
    const hasLock = await exists(join(stage.app, 'package-lock.json'));
    const cache = join(stage.home, 'npm');
    await this.#npmCache.lend(cache, this.#owner);
    const heapMb = Math.floor((this.#options.memoryMb ?? 2048) * 0.6);
    context.log.add(hasLock ? 'npm ci' : 'npm install (upload package-lock.json for the same versions every time)');
    await this.#run(context, stage, 'npm', [npm.mount], {}, [
      ...['/build/node', `--max-old-space-size=${heapMb}`, npm.cli, hasLock ? 'ci' : 'install'],
      ...['--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--no-update-notifier', '--no-bin-links'],
      // Else a bundle's own .npmrc could name any program of the bundle here.
      '--git=/build/no-git',
      ...['--install-links', '--no-progress', '--color=false', '--loglevel=notice', '--cache=/build/home/npm'],
      ...['--userconfig=/build/home/none', '--globalconfig=/build/home/no-global', '--cafile=/build/ca.crt'],
      ...['--fetch-retries=1', '--fetch-timeout=60000', '--proxy={proxy}', '--https-proxy={proxy}'],
      `--registry=${this.#options.npmRegistry ?? defaultRegistry}`,
    ]);
    await this.#npmCache.adopt(cache).catch((error: unknown) => {
      this.#options.logger?.debug({ err: error }, 'npm cache was not updated');
    });
    const packages = join(stage.app, 'node_modules');
    await refuseLink(packages);
    return packages;
  }

  async keepPackages(context: BuildContext): Promise<void> {
    const stage = await this.#stage(context);
    await this.#take(join(stage.app, 'node_modules'), join(context.root, 'node_modules'));
  }

  async installPip(context: BuildContext): Promise<void> {
    await this.#checkPip();
    const stage = await this.#stage(context);
    context.log.add('pip install -r requirements.txt');
    const python = await interpreterMounts(this.#options.pythonPath, join(await this.#directory(), 'tools'));
    await this.#run(context, stage, 'pip', python, {}, [
      ...[
        this.#options.pythonPath,
        '-m',
        'pip',
        'install',
        '--isolated',
        '--no-input',
        '--no-cache-dir',
        '--no-compile',
      ],
      ...[
        '--disable-pip-version-check',
        '--no-color',
        '--progress-bar=off',
        '--only-binary=:all:',
        '--no-warn-script-location',
      ],
      ...['--retries=1', '--timeout=30', '--cert=/build/ca.crt', '--proxy={proxy}', '--root-user-action=ignore'],
      ...[`--index-url=${this.#options.pipIndex ?? defaultIndex}`, '--target=/build/app/site-packages'],
      ...['-r', 'requirements.txt'],
    ]);
    await this.#take(join(stage.app, 'site-packages'), join(context.root, 'site-packages'));
  }

  async bundle(context: BuildContext, request: BundleRequest): Promise<ReadonlyMap<string, number> | undefined> {
    const stage = await this.#stage(context);
    const esbuild = await reachableCopy(findEsbuild(), join(await this.#directory(), 'tools'));
    const isModule = request.format === 'esm';
    const argv = [
      ...['/build/esbuild', request.entry, `--outfile=${request.output}`, '--allow-overwrite', '--bundle'],
      ...['--platform=node', '--target=node22', `--format=${request.format}`, '--sourcemap=linked', '--keep-names'],
      ...['--log-level=warning', '--log-limit=20', '--color=false', '--metafile=/build/home/bundle.json'],
      ...(request.packages === 'external' ? ['--packages=external'] : []),
      ...(isModule
        ? [`--banner:js=${requireBanner}`, '--define:__filename=__hearthFile', '--define:__dirname=__hearthFolder']
        : []),
    ];
    const from = context.log.lines.length;
    const mounts = [{ hostPath: esbuild, guestPath: '/build/esbuild' }];
    await this.#run(context, stage, 'esbuild', mounts, {}, argv).catch(async (error: unknown) => {
      const places = await placedIn(context.root, parseEsbuildLog(context.log.lines.slice(from)));
      throw places.length > 0 && isBuildFailure(error) ? sourcesRefused(places, undefined, error) : error;
    });
    for (const name of [request.output, `${request.output}.map`]) {
      await this.#take(join(stage.app, name), join(context.root, name));
    }
    return await readMetafile(join(stage.home, 'bundle.json'));
  }

  async close(context: BuildContext): Promise<void> {
    const stage = await this.#stages.get(context.buildDirectory)?.catch(() => undefined);
    this.#stages.delete(context.buildDirectory);
    if (stage !== undefined) await rm(stage.directory, { recursive: true, force: true }).catch(() => undefined);
  }

  /** A place that the build's user can reach; what earlier runs left there is deleted. */
  #directory(): Promise<string> {
    this.#base ??= this.#prepare().catch((error: unknown) => {
      this.#base = undefined;
      throw error;
    });
    return this.#base;
  }

  async #prepare(): Promise<string> {
    const base = await openBuildPlace(this.#options.workDirectory);
    // Another platform that shares the place may be running it: it must never see half of a file.
    const incoming = await mkdtemp(join(base, '.incoming-'));
    try {
      await writeFile(join(incoming, 'entry.cjs'), buildEntrySource, { mode: 0o644 });
      await rename(join(incoming, 'entry.cjs'), join(base, 'entry.cjs'));
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
    return base;
  }

  #stage(context: BuildContext): Promise<Stage> {
    const known = this.#stages.get(context.buildDirectory);
    if (known !== undefined) return known;
    const made = this.#makeStage(context);
    this.#stages.set(context.buildDirectory, made);
    return made;
  }

  async #makeStage(context: BuildContext): Promise<Stage> {
    const directory = await mkdtemp(join(await this.#directory(), stagePrefix));
    await chmod(directory, 0o711);
    const stage = { directory, app: join(directory, 'app'), home: join(directory, 'home') };
    await mkdir(stage.home);
    await cp(context.root, stage.app, { recursive: true, verbatimSymlinks: true });
    await takeOwnership(directory, this.#owner);
    return stage;
  }

  /** Moves a product of the sandbox into the bundle; it belongs to the platform from then on. */
  async #take(from: string, to: string): Promise<void> {
    if (!(await exists(from))) throw buildFailed(`the build made no ${from.split('/').at(-1)}`);
    await refuseLink(from);
    await takeOwnership(from, this.#owner === undefined ? undefined : 0);
    await rm(to, { recursive: true, force: true });
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EXDEV') throw error;
      await cp(from, to, { recursive: true, verbatimSymlinks: true });
    });
  }

  async #run(
    context: BuildContext,
    stage: Stage,
    tool: string,
    mounts: readonly SandboxMount[],
    env: Readonly<Record<string, string>>,
    argv: readonly string[],
  ): Promise<void> {
    const base = await this.#directory();
    const node = await reachableCopy(this.#options.nodePath, join(base, 'tools'));
    const ca = await this.#certificates(base);
    const socketDirectory = await mkdtemp(join(tmpdir(), 'hearth-proxy-'));
    await chmod(socketDirectory, 0o711);
    const proxy = new RegistryProxy({
      allowed: this.#allowedHosts(),
      maxBytes: this.#options.maxTransferBytes ?? 1024 * MiB,
    });
    try {
      await proxy.listen(join(socketDirectory, 'proxy.sock'));
      await this.#sandbox.run({
        argv: ['/build/node', '/build/entry.cjs', ...argv],
        mounts: [
          { hostPath: stage.app, guestPath: '/build/app', isWritable: true },
          { hostPath: stage.home, guestPath: '/build/home', isWritable: true },
          { hostPath: socketDirectory, guestPath: '/build/run' },
          { hostPath: join(base, 'entry.cjs'), guestPath: '/build/entry.cjs' },
          { hostPath: node, guestPath: '/build/node' },
          ...ca,
          ...mounts,
        ],
        env: {
          ...{ PATH: '/usr/bin:/bin', HOME: '/build/home', TMPDIR: '/tmp', LANG: 'C.UTF-8', CI: '1' },
          ...{ NODE_EXTRA_CA_CERTS: '/build/ca.crt', SSL_CERT_FILE: '/build/ca.crt' },
          ...env,
        },
        diskDirectory: stage.directory,
        onLine: (line) => context.log.add(line),
        signal: context.signal,
      });
    } catch (error) {
      throw withProblems(tool, error, proxy.problems);
    } finally {
      await proxy.close();
      await rm(socketDirectory, { recursive: true, force: true });
    }
  }

  #allowedHosts(): readonly AllowedHost[] {
    const { npmRegistry = defaultRegistry, pipIndex = defaultIndex, registryHosts = defaultHosts } = this.#options;
    const hosts: AllowedHost[] = [];
    for (const url of [npmRegistry, pipIndex]) {
      const { hostname, port, protocol } = new URL(url);
      const isOperators = url !== defaultRegistry && url !== defaultIndex;
      const host = hostname.replace(/^\[|\]$/g, '');
      hosts.push({ host, port: Number(port) || (protocol === 'https:' ? 443 : 80), isOperators });
    }
    for (const entry of registryHosts) {
      const [, host = entry, port = '443'] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
      hosts.push({ host: host.toLowerCase(), port: Number(port), isOperators: !defaultHosts.includes(entry) });
    }
    return hosts;
  }

  async #certificates(base: string): Promise<readonly SandboxMount[]> {
    for (const path of this.#options.caFile === undefined ? caFiles : [this.#options.caFile]) {
      if (await exists(path))
        return [{ hostPath: await reachableCopy(path, join(base, 'tools')), guestPath: '/build/ca.crt' }];
    }
    throw buildUnavailable('this host has no trusted certificates: apt-get install ca-certificates');
  }

  async #findNpm(): Promise<{ readonly cli: string; readonly mount: SandboxMount }> {
    const { npmPath, nodePath } = this.#options;
    const usual = [
      join(dirname(nodePath), '../lib/node_modules/npm'),
      join(dirname(process.execPath), '../lib/node_modules/npm'),
      '/usr/local/lib/node_modules/npm',
      '/usr/lib/node_modules/npm',
      '/usr/share/nodejs/npm',
    ];
    for (const path of npmPath === undefined ? usual : [npmPath]) {
      if (!(await exists(join(path, 'bin/npm-cli.js')))) continue;
      const hostPath = path.startsWith('/usr/')
        ? path
        : await reachableCopy(path, join(await this.#directory(), 'tools'));
      const guestPath = path.startsWith('/usr/') ? path : '/build/npm';
      return { cli: join(guestPath, 'bin/npm-cli.js'), mount: { hostPath, guestPath } };
    }
    throw buildUnavailable(
      'npm is missing, and the bundle has dependencies: install it (apt-get install npm, or Node.js from nodejs.org), or upload node_modules with the code',
    );
  }

  async #checkPip(): Promise<void> {
    try {
      await promisify(execFile)(this.#options.pythonPath, ['-I', '-m', 'pip', '--version'], {
        env: {},
        timeout: 30_000,
      });
    } catch (error) {
      throw buildUnavailable(
        `${this.#options.pythonPath} has no pip, and the bundle has requirements: apt-get install python3-pip, or upload site-packages with the code`,
        error,
      );
    }
  }
}

/** The native binary itself, which needs no Node. */
function findEsbuild(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('esbuild'));
  return require.resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`);
}

function isBuildFailure(error: unknown): error is PlatformError {
  return error instanceof PlatformError && error.code === 'build_failed';
}

function withProblems(tool: string, error: unknown, problems: readonly string[]): unknown {
  if (!isBuildFailure(error) || problems.length === 0) return error;
  return buildFailed(`${tool} failed: ${problems.join('; ')}\n${error.message}`, [], error);
}

/** What runs in the sandbox can leave a link to any place of the host, which the platform, outside, must not follow. */
async function refuseLink(path: string): Promise<void> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined || info.isDirectory() || info.isFile()) return;
  throw buildFailed(`the build made ${path.split('/').at(-1)} a link or a device; it must be a file or a folder`);
}
