import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mapError } from '../backend/api/error-mapping.ts';
import { errorKinds, PlatformError } from '../shared/errors.ts';

const root = join(import.meta.dirname, '..');
const sources = ['backend', 'shared']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  )
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
const documented = new Map(
  [...readFileSync(join(root, 'docs/error-codes.md'), 'utf8').matchAll(/^\| `(\w+)` \| ([\d, ]+) \|/gm)].map((row) => [
    row[1] ?? '',
    new Set((row[2] ?? '').split(', ').map(Number)),
  ]),
);
const statusOf = (kind: string, code: string) =>
  mapError(new PlatformError(kind as (typeof errorKinds)[number], code, ''), 'r').problem.status;

/** Drivers speak to the operator; what reaches a caller of theirs is wrapped by the pool. */
const isDriver = (path: string) => path.includes('execution-engine/drivers/');

function* thrown(): Generator<{ path: string; code: string; status: number }> {
  for (const { path, text } of sources.filter((source) => !isDriver(source.path))) {
    const literal = /PlatformError\(\s*'(\w+)',\s*'(\w+)'|kind: '(\w+)', code: '(\w+)'/g;
    for (const [, kind1, code1, kind2, code2] of text.matchAll(literal)) {
      const kind = kind1 ?? kind2 ?? '';
      const code = code1 ?? code2 ?? '';
      if ((errorKinds as readonly string[]).includes(kind)) yield { path, code, status: statusOf(kind, code) };
    }
    for (const [, status, code] of text.matchAll(/status: (\d+), code: '(\w+)'/g)) {
      yield { path, code: code ?? '', status: Number(status) };
    }
  }
}

test('every code that is thrown is documented, with its status', () => {
  const missing = [...thrown()].filter(({ code, status }) => !documented.get(code)?.has(status));
  expect(missing).toEqual([]);
});

test('every code that is documented exists', () => {
  const all = sources.map(({ text }) => text).join('\n');
  expect([...documented.keys()].filter((code) => !all.includes(`'${code}'`))).toEqual([]);
  expect(documented.size).toBeGreaterThan(80);
});

test('docs/openapi.json is in step with the schemas', async () => {
  const { openApiText } = await import('../scripts/openapi.ts');
  expect(readFileSync(join(root, 'docs/openapi.json'), 'utf8')).toBe(await openApiText());
});
