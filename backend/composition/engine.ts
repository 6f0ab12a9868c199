import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { RuntimeName } from '../../shared/version-config.ts';
import { HostInventory } from '../control-plane/host-inventory.ts';
import type { RuntimeAdapter } from '../core/ports/runtime-adapter.ts';
import { CompiledBundleStore } from '../execution-engine/builder/compiled-bundle-store.ts';
import { DirectoryBundleStore } from '../execution-engine/builder/directory-bundle-store.ts';
import { EsbuildBundleBuilder } from '../execution-engine/builder/esbuild-bundle-builder.ts';
import { SandboxedBuildTools } from '../execution-engine/builder/sandboxed-build-tools.ts';
import { SandboxedCompiler } from '../execution-engine/builder/sandboxed-compiler.ts';
import { createDrivers } from '../execution-engine/drivers/catalog.ts';
import { CustomAdapter } from '../execution-engine/runtimes/custom/adapter.ts';
import { ImageAdapter } from '../execution-engine/runtimes/image/adapter.ts';
import { NodejsAdapter } from '../execution-engine/runtimes/nodejs/adapter.ts';
import { PythonAdapter } from '../execution-engine/runtimes/python/adapter.ts';
import { preloadsOf } from '../execution-engine/runtimes/python/preloaded-modules.ts';
import { findPython } from '../startup/host.ts';
import { type Foundation, here } from './foundation.ts';

const compilingRuntimes: ReadonlySet<RuntimeName> = new Set(['nodejs', 'python']);

/** The runtimes of this host and their agents, which the build put into dist/guest. */
function createAdapters({ settings, searchPath, dataDirectory }: Foundation) {
  const nodePath = settings.HEARTH_NODE_PATH === '' ? process.execPath : settings.HEARTH_NODE_PATH;
  const pythonPath = findPython(settings, searchPath);
  const nodejs = new NodejsAdapter({ nodePath, agentPath: join(here.root, 'dist/guest/nodejs/agent.cjs') });
  const python = new PythonAdapter({
    pythonPath,
    agentPath: join(here.root, 'dist/guest/python/agent.py'),
    compiledDirectory: join(dataDirectory, 'agents'),
    preloads: preloadsOf(settings.HEARTH_PYTHON_PRELOAD),
  });
  const custom = new CustomAdapter({ nodePath, agentPath: join(here.root, 'dist/guest/custom/agent.cjs') });
  const image = new ImageAdapter({ nodePath, agentPath: join(here.root, 'dist/guest/image/agent.cjs') });
  return {
    nodePath,
    pythonPath,
    byName: new Map<RuntimeName, RuntimeAdapter>(
      [nodejs, python, custom, image].map((adapter) => [adapter.name, adapter]),
    ),
  };
}

/** What runs functions: runtimes, drivers, bundles and how they are built. */
export async function createEngine(foundation: Foundation) {
  const { settings, logger, clock, dataDirectory, runDirectory } = foundation;
  const adapters = createAdapters(foundation);
  const drivers = createDrivers({ settings, runDirectory, logger });
  const inventory = new HostInventory({
    drivers,
    runtimes: [...adapters.byName.values()],
    defaultIsolation: settings.HEARTH_ISOLATION,
    hostMemoryBytes: totalmem(),
    clock,
  });
  const built = new DirectoryBundleStore({ directory: join(dataDirectory, 'bundles') });
  await built.start();
  const { nodePath, pythonPath } = adapters;
  const bundles = new CompiledBundleStore({
    source: built,
    directory: join(dataDirectory, 'compiled'),
    compiler: new SandboxedCompiler({ nodePath, pythonPath, workDirectory: join(dataDirectory, 'build') }),
    versionOf: async (runtime) => {
      const isCompiled = settings.HEARTH_COMPILE_AHEAD && compilingRuntimes.has(runtime);
      const health = isCompiled ? await adapters.byName.get(runtime)?.probe() : undefined;
      return health?.status === 'available' ? health.version : undefined;
    },
    logger,
  });
  const builder = new EsbuildBundleBuilder({
    store: bundles,
    adapters: adapters.byName,
    compileAhead: (image, runtime, signal) => bundles.compile(image, runtime, signal),
    tools: new SandboxedBuildTools({
      nodePath,
      pythonPath,
      workDirectory: join(dataDirectory, 'build'),
      cacheDirectory: join(dataDirectory, 'build-cache'),
      npmRegistry: settings.HEARTH_NPM_REGISTRY,
      pipIndex: settings.HEARTH_PIP_INDEX,
      registryHosts: settings.HEARTH_REGISTRY_HOSTS,
      memoryMb: settings.HEARTH_BUILD_MEMORY_MB,
      logger,
    }),
    workDirectory: join(dataDirectory, 'build'),
    maxBuildMs: settings.HEARTH_BUILD_TIMEOUT_MS,
  });
  return { adapters: adapters.byName, drivers, inventory, bundles, builder };
}
export type Engine = Awaited<ReturnType<typeof createEngine>>;
