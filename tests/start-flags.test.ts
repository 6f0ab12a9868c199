import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startEnvironment, startFlags } from './support/platform.ts';

const read = (path: string): string => readFileSync(join(import.meta.dirname, '..', path), 'utf8');

it('starts the platform in the same way by hand, in a container, as a service and in tests', () => {
  const script = read('scripts/start.sh');
  const image = read('deploy/Dockerfile');
  const service = read('deploy/systemd/hearth.service');
  expect(script).toContain(`exec "$NODE" ${startFlags.join(' ')} dist/server/main.mjs "$@"\n`);
  expect(image).toContain(
    `ENTRYPOINT ${JSON.stringify(['node', ...startFlags, 'dist/server/main.mjs']).replaceAll(',', ', ')}\n`,
  );
  const node = '/opt/hearth/node_modules/.bin/node';
  expect(service).toContain(`ExecStart=${node} ${startFlags.join(' ')} /opt/hearth/dist/server/main.mjs\n`);
  for (const [name, value] of Object.entries(startEnvironment)) {
    expect(script).toContain(`${name}=\${${name}:-${value}}\nexport ${name}\n`);
    expect(image).toMatch(new RegExp(`^ENV [^#]*\\b${name}=${value}( |$)`, 'm'));
    expect(service).toMatch(new RegExp(`^Environment=.*\\b${name}=${value}( |$)`, 'm'));
  }
});
