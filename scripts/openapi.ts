/**
 * Writes docs/openapi.json from the schemas that validate, docs/roles.md, shared/operation-access.ts, and the JSON Schema of hearth.json that the dashboard's files have. `node scripts/openapi.ts --check` only compares,
 * and fails when a file is out of step.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { createApiServer } from '../backend/api/server.ts';
import type { ControlPlane } from '../backend/control-plane/control-plane.ts';
import { manifestSchema, manifestSchemaPath } from '../shared/manifest.ts';
import { stackSchema, stackSchemaPath } from '../shared/stack.ts';
import { operationAccessFile, rolesPage } from './roles-page.ts';

const root = join(import.meta.dirname, '..');
const path = join(root, 'docs/openapi.json');
const rolesPath = join(root, 'docs/roles.md');
const manifestPath = join(root, 'frontend/public', manifestSchemaPath);
const stackPath = join(root, 'frontend/public', stackSchemaPath);
const accessPath = join(root, 'shared/operation-access.ts');
const isSame = (file: string, text: string) => existsSync(file) && readFileSync(file, 'utf8') === text;

/** Stands in for a part that describing the API does not need; any use of it is a mistake. */
function unneeded<T extends object>(name: string): T {
  return new Proxy({} as T, {
    get: (_target, member) => {
      if (typeof member === 'symbol') return undefined;
      throw new Error(`the description of the API must not use ${name}.${member}`);
    },
  });
}

const parts = [
  'functions',
  'deployments',
  'builds',
  'drafts',
  'versions',
  'aliases',
  'schedules',
  'invocations',
  'deadLetters',
  'tokens',
];
const more = ['tokenGuard', 'inventory', 'directory', 'store', 'pool', 'clock'];

/** The OpenAPI document as text, as it is committed. */
export async function openApiText(): Promise<string> {
  const version = String(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
  const controlPlane = Object.fromEntries([...parts, ...more].map((name) => [name, unneeded(name)]));
  const app = createApiServer({
    controlPlane: controlPlane as unknown as ControlPlane,
    logs: unneeded('logs'),
    metrics: unneeded('metrics'),
    refusals: unneeded('refusals'),
    prometheus: () => Promise.reject(new Error('not here')),
    facts: {
      version,
      startedAt: 0,
      gatewayUrl: () => '',
      controlUrl: () => '',
      warnings: () => [],
      isDraining: () => false,
      diskFreeBytes: async () => 0,
      minDiskFreeBytes: 0,
    },
    logger: unneeded('logger'),
    uploadDirectory: '',
    isLoopbackOnly: false,
  });
  try {
    await app.ready();
    return `${JSON.stringify(app.swagger(), null, 2)}\n`;
  } finally {
    await app.close();
  }
}

/** The JSON Schema of hearth.json as text: what somebody may write, so that nothing with a default is required. */
export const manifestSchemaText = (): string => schemaText(manifestSchema, 'hearth.json');
const stackSchemaText = (): string => schemaText(stackSchema, 'hearth.stack.json');

function schemaText(of: z.ZodType, title: string): string {
  const schema = z.toJSONSchema(of, { io: 'input', unrepresentable: 'any' });
  return `${JSON.stringify({ ...schema, title }, null, 2)}\n`;
}

/** What is written, by file. */
async function pages(): Promise<readonly (readonly [file: string, text: string])[]> {
  const text = await openApiText();
  return [
    [path, text],
    [rolesPath, rolesPage(text)],
    [accessPath, operationAccessFile(text)],
    [manifestPath, manifestSchemaText()],
    [stackPath, stackSchemaText()],
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const isCheck = process.argv.includes('--check');
  for (const [file, text] of await pages()) {
    if (isSame(file, text)) continue;
    const name = relative(root, file);
    if (isCheck) process.stderr.write(`${name} is out of step; run: node scripts/openapi.ts\n`);
    else writeFileSync(file, text);
    if (isCheck) process.exitCode = 1;
    else process.stdout.write(`wrote ${name}\n`);
  }
}
