import { join } from 'node:path';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import manifest from '../package.json' with { type: 'json' };

/** `HEARTH_CONTROL_URL` names the platform that `vite dev` talks to; the built dashboard is served by that platform itself. */
const controlUrl = process.env['HEARTH_CONTROL_URL'] ?? 'http://127.0.0.1:3000';

export default defineConfig(({ command }) => {
  // A build from within the tests would find `test` here, and ship React's development build to everybody.
  if (command === 'build') process.env['NODE_ENV'] = 'production';
  return {
    root: import.meta.dirname,
    base: '/',
    define: { __HEARTH_VERSION__: JSON.stringify(manifest.version) },
    plugins: [react(), tailwindcss()],
    server: { proxy: { '/api': controlUrl, '/openapi.json': controlUrl, '/docs': controlUrl } },
    build: {
      outDir: join(import.meta.dirname, '../dist/dashboard'),
      emptyOutDir: true,
      target: 'es2023',
      // The polyfill is of no use to browsers that understand the rest, and data: scripts would break the content security policy.
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      // For scripts/dashboard-budget.ts; the platform serves nothing whose name begins with a dot.
      manifest: true,
      rolldownOptions: {
        output: {
          codeSplitting: {
            // What several pages share comes as one file with the first load, instead of a dozen of a few hundred bytes, each a request.
            // Not the chart, which asks for what draws it as soon as it is there.
            // Nor tabs inside a page, with the part of Radix that moves the focus among them: the overview has none.
            // Nor words for cron expressions, which only the pages of schedules say, nor builds, which only pages that deploy follow.
            groups: [
              {
                name: 'shared',
                test: /[\\/]frontend[\\/](ui[\\/](?!chart\.|tabs\.)|util[\\/](?!cron-words\.|build-progress\.)|api[\\/](?!builds\.|use-build\.)|components[\\/](page-header|permitted-button|query-view|runtime-badge)\.)|[\\/]shared[\\/](names|ids)\.|lucide-react/,
                minShareCount: 3,
              },
            ],
          },
        },
      },
    },
  };
});
