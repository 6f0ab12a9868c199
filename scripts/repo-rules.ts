/**
 * Rules that no linter knows: what may not be in this repository, and documents that must be in step with the code. Each rule returns
 * the places that break it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type ts from 'typescript';
import { findNodes, isAllowedEnvironment, isEnvironment, isErrorStatus, isShellCommand } from './syntax.ts';

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}
export interface Rule {
  readonly name: string;
  readonly breaks: (files: readonly SourceFile[]) => readonly string[];
}

const isSource = (path: string): boolean => /\.tsx?$/.test(path);
const isProduct = (path: string): boolean =>
  /^(backend|shared|cli|frontend)\//.test(path) && isSource(path) && !path.endsWith('.test.ts');

const grep = (files: readonly SourceFile[], pattern: RegExp, say: string): string[] =>
  files.flatMap((file) =>
    file.text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1}: ${say}`] : [])),
  );

export const rules: readonly Rule[] = [
  {
    name: 'the environment is read in backend/config only',
    breaks: (files) => {
      const say = 'take a setting as an option instead of process.env';
      const product = files.filter((file) => isProduct(file.path) && !/^backend\/config\/|\/guest\//.test(file.path));
      // The composition root hands the environment to the configuration, and looks for programs on the PATH.
      const isRoot = (file: SourceFile): boolean => file.path === 'backend/main.ts';
      const isMore = (node: ts.Node): boolean =>
        isEnvironment(node) && !isAllowedEnvironment(node, ['PATH'], ['loadSettings', 'forgetSecretSettings']);
      const backend = product.filter((file) => /^(backend|shared)\//.test(file.path));
      return [
        ...findNodes(
          backend.filter((file) => !isRoot(file)),
          /process/,
          isEnvironment,
          say,
        ),
        ...findNodes(backend.filter(isRoot), /process/, isMore, say),
      ];
    },
  },
  {
    name: 'no shell strings',
    breaks: (files) =>
      findNodes(
        files.filter((file) => isProduct(file.path)),
        /child_process|shell/,
        isShellCommand,
        'use execFile or spawn with an argument list',
      ),
  },
  {
    name: 'HTTP status numbers of errors are in error-mapping.ts and the gateway only',
    breaks: (files) =>
      findNodes(
        files.filter(
          (file) =>
            /^backend\/(control-plane|scheduler|core|database|metrics|startup|api\/(routes|controllers)|execution-engine\/(pool|protocol))\//.test(
              file.path,
            ) && isProduct(file.path),
        ),
        /status|code/i,
        isErrorStatus,
        'throw a PlatformError; its kind decides the status',
      ),
  },
  {
    name: 'the compiler is not silenced',
    breaks: (files) =>
      grep(
        files.filter((file) => isSource(file.path) && !/repo-rules(\.test)?\.ts$/.test(file.path)),
        /@ts-(ignore|nocheck|expect-error)/,
        'make the types say it',
      ),
  },
  {
    name: 'files stay readable in one go (400 lines, tests 700)',
    breaks: (files) =>
      files
        .filter((file) => isSource(file.path) && /^(backend|shared|cli|frontend|scripts|tests|bench)\//.test(file.path))
        .filter((file) => file.text.split('\n').length > (/\.test\.ts$|^tests\//.test(file.path) ? 700 : 400))
        .map((file) => `${file.path}: ${file.text.split('\n').length} lines; split it`),
  },
  {
    name: 'no to-do notes',
    breaks: (files) =>
      grep(
        files.filter((file) => isSource(file.path) && !/repo-rules(\.test)?\.ts$/.test(file.path)),
        /\b(TODO|FIXME|XXX|HACK)\b/,
        'do it, or write down in docs why not',
      ),
  },
  {
    name: 'every driver has a page and a place in the conformance suite',
    breaks: (files) => {
      const drivers = new Set(
        files
          .flatMap((file) => /^backend\/execution-engine\/drivers\/([a-z]+)\//.exec(file.path)?.[1] ?? [])
          .filter((name) => !['support', 'fake', 'unsandboxed'].includes(name)),
      );
      const suites = files.filter((file) => file.path.startsWith('tests/conformance/'));
      return [...drivers].flatMap((name) => [
        ...(files.some((file) => file.path === `docs/drivers/${name}.md`)
          ? []
          : [`docs/drivers/${name}.md is missing`]),
        ...(suites.some((file) => file.text.includes(`drivers/${name}/`))
          ? []
          : [`tests/conformance/ never runs the ${name} driver`]),
      ]);
    },
  },
  {
    name: 'no absolute paths of one machine, no secrets',
    breaks: (files) =>
      grep(
        files.filter((file) => !/repo-rules(\.test)?\.ts$|^package-lock\.json$/.test(file.path)),
        /\/work\/main|\/home\/[a-z]+\/|BEGIN [A-Z ]*PRIVATE KEY/,
        'this belongs to one machine',
      ),
  },
];

/** The files that git tracks, as text; binary and deleted ones left out. */
export function trackedFiles(root: string): readonly SourceFile[] {
  const paths = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  }).split('\0');
  return paths
    .filter(
      (path) =>
        path !== '' &&
        !/\.(png|jpg|ico|woff2?|zip|gz)$/.test(path) &&
        statSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true,
    )
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const files = trackedFiles(join(import.meta.dirname, '..'));
  for (const rule of rules) {
    const broken = rule.breaks(files);
    if (broken.length === 0) continue;
    process.exitCode = 1;
    console.error(`${rule.name}:\n${broken.map((line) => `  ${line}`).join('\n')}`);
  }
}
