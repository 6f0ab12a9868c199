import { build } from 'esbuild';
import { firstCalls } from './support/first-calls.ts';
import { median, percentile, type Row, row } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const rounds = 15;
/** A waiting sandbox has everything but the bundle, so this is the bundle's own share. */
const layer = 'pre-warmed';

interface Subject {
  readonly name: string;
  readonly runtime: 'nodejs' | 'python';
  readonly handler: string;
  readonly files: Readonly<Record<string, string>>;
  /** With what was compiled, at most this share of the time without. */
  readonly goal: number | undefined;
}

/** First calls of functions with large bundles from pre-warmed sandboxes, with what their deploy compiled and without. */
export async function compiledAhead(): Promise<readonly Row[]> {
  const subjects: readonly Subject[] = [
    await libraries(),
    nodeOfSize('generated, 140 KB', 140_000),
    nodeOfSize('generated, 3 MB', 3_000_000),
    pythonOf(200),
    pythonOf(4),
  ];
  const rows: Row[] = [];
  for (const subject of subjects) {
    progress(subject.name);
    rows.push(...(await compare(subject)));
  }
  return rows;
}

async function compare({ name, runtime, handler, files, goal }: Subject): Promise<readonly Row[]> {
  const measure = async (isAhead: boolean) =>
    await firstCalls({
      layer,
      runtime,
      rounds,
      source: '',
      config: { handler, files },
      environment: { HEARTH_COMPILE_AHEAD: String(isAhead), HEARTH_PYTHON_PRELOAD: 'none' },
    });
  const without = await measure(false);
  const ahead = await measure(true);
  const ratio = median(ahead) / median(without);
  return [
    row(`${name}: first call, nothing compiled ahead`, words(without), '', undefined, without),
    row(`${name}: first call, compiled ahead`, words(ahead), '', undefined, ahead),
    row(
      `${name}: the second / the first`,
      ratio.toFixed(2),
      goal === undefined ? '' : `<= ${goal}`,
      goal === undefined ? undefined : ratio <= goal,
    ),
  ];
}

/** What a service of some size brings along: a web framework, a validator, a query builder. */
async function libraries(): Promise<Subject> {
  const result = await build({
    stdin: {
      contents: `import fastify from 'fastify'; import * as zod from 'zod'; import * as kysely from 'kysely'; import * as yaml from 'yaml'; import nodemailer from 'nodemailer'; import * as csstype from 'protobufjs';
        export const all = [fastify, zod, kysely, yaml, nodemailer, csstype];
        export const handler = async () => ({ ok: zod.z.string().safeParse('x').success });`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'silent',
  });
  const text = result.outputFiles[0]?.text ?? '';
  const name = `Node, six libraries in one file (${(text.length / 1_000_000).toFixed(1)} MB)`;
  return { name, runtime: 'nodejs', handler: 'index.handler', files: { 'index.mjs': text }, goal: 0.8 };
}

function nodeOfSize(size: string, bytes: number): Subject {
  const parts: string[] = [];
  for (let i = 0, length = 0; length < bytes; i++) {
    const part = `export function f${i}(a, b) { let sum = a; for (let k = 0; k < b; k++) { sum += k * ${i}; if (sum > 1000) sum %= 7; else sum += 'text ${i}'.length; } return { sum, a, b, name: 'f${i}' }; }`;
    parts.push(part);
    length += part.length;
  }
  const text = `${parts.join('\n')}\nexport const handler = async () => f1(1, 2);\n`;
  return {
    name: `Node, ${size}`,
    runtime: 'nodejs',
    handler: 'index.handler',
    files: { 'index.mjs': text },
    goal: bytes > 1_000_000 ? 0.8 : undefined,
  };
}

/** A package of so many modules with forty functions and a class each, all imported. */
function pythonOf(modules: number): Subject {
  const files: Record<string, string> = { 'pkg/__init__.py': '' };
  for (let i = 0; i < modules; i++) {
    const functions = Array.from(
      { length: 40 },
      (_, k) =>
        `def f${k}(a, b=${k}):\n    """The function ${k}."""\n    total = [a + x * b for x in range(${k}) if x % 2]\n    return {"total": sum(total), "name": "f${k}"}\n`,
    );
    files[`pkg/m${i}.py`] =
      `${functions.join('\n')}\nclass Thing:\n    def __init__(self, x):\n        self.x = x\n    def get(self):\n        return f1(self.x)\n`;
  }
  const imports = Array.from({ length: modules }, (_, i) => `import pkg.m${i}`).join('\n');
  files['main.py'] = `${imports}\ndef handler(event, context):\n    return pkg.m0.f1(1)\n`;
  return {
    name: `Python, ${modules} modules`,
    runtime: 'python',
    handler: 'main.handler',
    files,
    goal: modules > 100 ? 0.8 : undefined,
  };
}
function words(took: readonly number[]): string {
  return `median ${median(took).toFixed(1)} ms, p95 ${percentile(took, 95).toFixed(1)} ms`;
}
