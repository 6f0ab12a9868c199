/** `npm run dev`: runs the platform from its sources and starts it again when they change; the dashboard is rebuilt as well. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { buildStale } from './build.ts';

const root = join(import.meta.dirname, '..');
await buildStale(['guest', 'dashboard']);
const server = spawn(process.execPath, ['--watch', 'backend/main.ts'], {
  cwd: root,
  stdio: 'inherit',
});
const dashboard = spawn(
  process.execPath,
  ['node_modules/vite/bin/vite.js', 'build', '--watch', '--config', 'frontend/vite.config.ts', 'frontend'],
  { cwd: root, stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    server.kill(signal);
    dashboard.kill(signal);
  });
}
server.once('exit', (code) => {
  dashboard.kill();
  process.exitCode = code ?? 1;
});
