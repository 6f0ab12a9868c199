import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, chmod, constants, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PreparedImage, SandboxLimits } from '../../../core/ports/isolation-driver.ts';
import type {
  BundleIssue,
  PlanMount,
  RuntimeAdapter,
  RuntimeHealth,
  RuntimePlan,
} from '../../../core/ports/runtime-adapter.ts';

/** Where things are inside a sandbox. Python finds its standard library from its own path, so it keeps the one that it has here. */
const guestAgentPath = '/hearth/agent.py';
const oldestMinor = 9;
/** The usual modules take some 10 MB; a function with less memory than this keeps it for itself. */
const leastMemoryForPreloadsMb = 96;
const probeTimeoutMs = 10_000;
const fix = 'install it: apt-get install python3 (or the package of your system), then restart';

/** What an interpreter says of itself: version, real binary, standard library, compiled modules. */
const question = `import sys, os, sysconfig
print("%d.%d.%d" % sys.version_info[:3])
print(os.path.realpath(sys.executable))
print(sysconfig.get_path("stdlib"))
print(sysconfig.get_config_var("DESTSHARED") or "")
print(sysconfig.get_config_var("LDLIBRARY") or "")
print(sysconfig.get_config_var("LIBDIR") or "")
`;

/**
 * Compiles an agent (arguments: source, name inside, file to write), which would take a third of a cold start each time. An interpreter runs such a file whatever
 * its name, if the number at its beginning is its own (PEP 552: number, flags, eight bytes that matter for imports alone).
 */
const compiler = `import sys, marshal, importlib.util
source, name, target = sys.argv[1:]
with open(source, "rb") as file:
    code = compile(file.read(), name, "exec", dont_inherit=True)
with open(target, "wb") as file:
    file.write(importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code))
`;

interface Interpreter {
  readonly version: string;
  readonly binary: string;
  readonly mounts: readonly PlanMount[];
}

export interface PythonAdapterOptions {
  /** The interpreter of this host that sandboxes get to see, best the system's own: /usr/bin/python3. */
  readonly pythonPath: string;
  /** The agent, guest/agent.py. */
  readonly agentPath: string;
  /** Where the agent is kept as the interpreter compiles it. Left out: each sandbox compiles it anew. */
  readonly compiledDirectory?: string;
  /** Modules of the standard library that sandboxes import while they wait for a version. None when left out. */
  readonly preloads?: readonly string[];
}

/** Python functions under CPython. */
export class PythonAdapter implements RuntimeAdapter {
  readonly name = 'python';
  readonly #pythonPath: string;
  readonly #agentPath: string;
  readonly #preloads: readonly string[];
  readonly #compiledDirectory: string | undefined;
  #compiledAgent: string | undefined;
  #interpreter: Interpreter | undefined;

  constructor(options: PythonAdapterOptions) {
    this.#pythonPath = options.pythonPath;
    this.#agentPath = options.agentPath;
    this.#preloads = options.preloads ?? [];
    this.#compiledDirectory = options.compiledDirectory;
  }

  async probe(): Promise<RuntimeHealth> {
    const missing = (reason: string, how: string) => ({ status: 'missing', reason, fix: how }) as const;
    try {
      await access(this.#agentPath, constants.R_OK);
    } catch {
      return missing(`the Python agent cannot be read: ${this.#agentPath}`, 'run `npm run build`');
    }
    try {
      const { stdout } = await promisify(execFile)(this.#pythonPath, ['-I', '-c', question], {
        timeout: probeTimeoutMs,
        env: {},
      });
      const interpreter = interpreterOf(this.#pythonPath, stdout);
      const [major = 0, minor = 0] = interpreter.version.split('.').map(Number);
      if (major !== 3 || minor < oldestMinor) {
        return missing(
          `Python ${interpreter.version} is too old for functions`,
          `install Python 3.${oldestMinor} or newer`,
        );
      }
      this.#interpreter = interpreter;
      await this.#compileAgent(interpreter);
      return { status: 'available', version: interpreter.version };
    } catch (error) {
      const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown';
      return missing(`${this.#pythonPath} does not run: ${why}`, fix);
    }
  }

  async validate(bundle: PreparedImage, handler: string): Promise<readonly BundleIssue[]> {
    const issue = (message: string) => [{ path: 'handler', message }];
    const dot = handler.lastIndexOf('.');
    const name = handler.slice(dot + 1);
    if (dot <= 0 || !/^[A-Za-z_]\w*$/.test(name)) {
      return issue(`${handler} is not of the form module.function, for example main.handler`);
    }
    const module = handler.slice(0, dot).replace(/^\.\//, '').replaceAll('.', '/');
    if (module.split('/').some((part) => !/^[A-Za-z_]\w*$/.test(part))) {
      return issue(
        `${handler} does not name a module; use letters, digits and _ in file names, for example main.handler`,
      );
    }
    const candidates = [`${module}.py`, `${module}/__init__.py`];
    for (const candidate of candidates) {
      const info = await stat(join(bundle.directory, candidate)).catch(() => undefined);
      if (info?.isFile()) return [];
    }
    const there = (await readdir(bundle.directory)).sort().slice(0, 20).join(', ');
    return issue(
      `the bundle has no file for the handler ${handler}: expected ${candidates.join(' or ')}; there is ${there || 'nothing'}`,
    );
  }

  plan(limits: SandboxLimits, isWaiting = false): RuntimePlan {
    this.#interpreter ??= this.#discover();
    const { binary, mounts } = this.#interpreter;
    const preloadsModules = isWaiting && this.#preloads.length > 0 && limits.memoryMb >= leastMemoryForPreloadsMb;
    const preloads = preloadsModules ? { HEARTH_PRELOAD: this.#preloads.join(',') } : {};
    // The agent's own modules that a call may need; a sandbox that is waited for imports them when it comes to that.
    const waits = isWaiting ? { HEARTH_WAITS: '1' } : {};
    return {
      runtime: 'python',
      // Without site, which the agent makes up for: guest/agent.py, complete_site.
      argv: [binary, '-I', '-S', '-u', guestAgentPath],
      env: { HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', PATH: '/usr/bin:/bin', ...waits, ...preloads },
      agent: { hostPath: this.#compiledAgent ?? this.#agentPath, guestPath: guestAgentPath },
      toolchain: mounts,
      preloadsModules,
    };
  }

  /** Whatever fails, the source is there. */
  async #compileAgent({ binary, version }: Interpreter): Promise<void> {
    if (this.#compiledDirectory === undefined) return;
    const digest = createHash('sha256')
      .update(`${binary}\0${version}\0`)
      .update(await readFile(this.#agentPath));
    const compiled = join(this.#compiledDirectory, `python-${digest.digest('hex').slice(0, 16)}.pyc`);
    const draft = `${compiled}.${process.pid}`;
    try {
      if (!existsSync(compiled)) {
        await mkdir(this.#compiledDirectory, { recursive: true });
        const options = { timeout: probeTimeoutMs, env: {} };
        await promisify(execFile)(binary, ['-I', '-c', compiler, this.#agentPath, guestAgentPath, draft], options);
        // Sandboxes have users of their own.
        await chmod(draft, 0o644);
        await rename(draft, compiled);
      }
      this.#compiledAgent = compiled;
    } catch {
      await rm(draft, { force: true }).catch(() => undefined);
    }
  }

  /** For a plan that is asked for before any probe. */
  #discover(): Interpreter {
    const options = { timeout: probeTimeoutMs, env: {}, encoding: 'utf8' } as const;
    return interpreterOf(this.#pythonPath, execFileSync(this.#pythonPath, ['-I', '-c', question], options));
  }
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** The binary, the standard library and, where they lie elsewhere, the compiled modules and a shared libpython. */
function interpreterOf(pythonPath: string, answer: string): Interpreter {
  const [version = '', realBinary = pythonPath, library = '', compiled = '', shared = '', libraries = ''] = answer
    .trim()
    .split('\n');
  const paths = [realBinary, library];
  if (compiled !== '' && !isBelow(compiled, library)) paths.push(compiled);
  if (shared.includes('.so') && !libraries.startsWith('/usr/lib')) paths.push(join(libraries, shared));
  return { version, binary: realBinary, mounts: paths.map((path) => ({ hostPath: path, guestPath: path })) };
}
