import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { looksSecret } from './left-out.ts';
import { readSourceFolder } from './source-folder.ts';

let repository = '';
let root = '';
beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), 'hearth-left-out-'));
  root = join(repository, 'functions/shop');
  put('hearth.json', '{"name":"shop"}');
});
afterEach(() => rmSync(repository, { recursive: true, force: true }));

function put(path: string, content = 'x', from = root): void {
  mkdirSync(dirname(join(from, path)), { recursive: true });
  writeFileSync(join(from, path), content);
}
const read = async () => {
  const { files, leftOut } = await readSourceFolder(root);
  return { files: files.map(({ path }) => path), leftOut: leftOut.map(({ path, by }) => `${path} ${by}`) };
};

it('leaves out environments, credentials, histories, editors and what is installed, at any depth', async () => {
  const out = ['.env', '.env.local', '.envrc', '.aws/credentials', '.ssh/id_rsa', '.git/config', '.idea/a', 'venv/b'];
  for (const path of [...out, ...out.map((path) => `lib/${path}`), 'node_modules/x/index.js', 'Thumbs.db']) put(path);
  for (const path of ['index.mjs', 'lib/environment.mjs', 'lib/git/config']) put(path);
  const { files } = await readSourceFolder(root);
  expect(files).toEqual([
    { path: 'index.mjs', sizeBytes: 1 },
    { path: 'lib/environment.mjs', sizeBytes: 1 },
    { path: 'lib/git/config', sizeBytes: 1 },
  ]);
});

it('leaves out what .gitignore names, those above it up to the root of the repository too', async () => {
  put('.git/HEAD', 'ref', repository);
  put('.gitignore', '*.log\n/functions/shop/drafts/\n!keep.log', repository);
  put('.gitignore', 'secret.txt\nlib/*.map');
  put('lib/.gitignore', '!wanted.map\n/only-here');
  const inside = ['index.mjs', 'keep.log', 'lib/wanted.map', 'only-here'];
  for (const path of [...inside, 'a.log', 'drafts/a', 'secret.txt', 'lib/b.map', 'lib/secret.txt', 'lib/only-here'])
    put(path);
  expect(await read()).toEqual({
    files: ['index.mjs', 'keep.log', 'lib/wanted.map', 'only-here'],
    leftOut: [
      '.gitignore default',
      'a.log .gitignore',
      'drafts/ .gitignore',
      'hearth.json default',
      'lib/.gitignore default',
      'lib/b.map .gitignore',
      'lib/only-here .gitignore',
      'lib/secret.txt .gitignore',
      'secret.txt .gitignore',
    ],
  });
});

it('uploads what is in a folder that git ignores, such as one that a build made', async () => {
  put('.git/HEAD', 'ref', repository);
  put('.gitignore', 'functions/', repository);
  put('index.mjs');
  expect((await read()).files).toEqual(['index.mjs']);
});

it('has the last word from .hearthignore, but for what is never uploaded', async () => {
  put('.gitignore', 'bootstrap\n');
  put('.hearthignore', '!bootstrap\n!.env.example\n!node_modules\n*.md\nfixtures');
  for (const path of ['bootstrap', '.env.example', '.env', 'README.md', 'fixtures/a', 'node_modules/a/index.js'])
    put(path);
  symlinkSync('/etc/passwd', join(root, 'link.md'));
  expect((await read()).files).toEqual(['.env.example', 'bootstrap']);
});

it('says what was left out of a folder in which nothing is left', async () => {
  put('.env.local');
  await expect(readSourceFolder(root)).rejects.toMatchObject({
    exitCode: 2,
    hint: expect.stringContaining('.env.local'),
  });
});

it.each(['server.key', 'certs/tls.pem', 'id_ed25519', 'credentials.json', 'infra/prod.tfstate', 'secrets.yaml'])(
  'knows %s for what may be secret',
  (path) => expect(looksSecret(path)).toBe(true),
);
it.each(['keys.ts', 'credentials.ts', 'secrets.ts', 'index.mjs'])('and %s for code', (path) =>
  expect(looksSecret(path)).toBe(false),
);
