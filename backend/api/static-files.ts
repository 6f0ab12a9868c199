import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';

/**
 * No inline scripts. Inline styles are needed: the dashboard's dialogs (scroll lock) and Swagger UI put style elements into
 * the page at run time.
 */
const pagePolicy = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Vite's file names: a hash of the content before the extension, and that of a compressed copy behind it. */
const hashedAsset = /-[A-Za-z0-9_-]{8,}\.[a-z0-9]+(\.br|\.gz)?$/;
const oneYear = 'public, max-age=31536000, immutable';

/** Serves the dashboard; returns how unknown paths are answered with its page, or undefined when it is not built. */
export async function registerDashboard(
  app: FastifyInstance,
  directory: string,
): Promise<((reply: FastifyReply) => FastifyReply) | undefined> {
  if (!existsSync(join(directory, 'index.html'))) return undefined;
  await app.register(fastifyStatic, {
    root: directory,
    prefix: '/',
    schemaHide: true,
    dotfiles: 'ignore',
    redirect: false,
    cacheControl: false,
    // The build leaves `FILE.br` and `FILE.gz` beside each file.
    preCompressed: true,
    setHeaders: (reply, path) => {
      reply.header('cache-control', hashedAsset.test(path) ? oneYear : 'no-cache');
      reply.header('content-security-policy', pagePolicy);
    },
  });
  // From memory: sending the file from inside a failed look-up would stack listeners on the response.
  const page = await readFile(join(directory, 'index.html'));
  return (reply) =>
    reply
      .header('content-security-policy', pagePolicy)
      .header('cache-control', 'no-cache')
      .type('text/html; charset=utf-8')
      .send(page);
}

const docsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hearth API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;
const docsScript = `window.ui = SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true });\n`;
const docsAssets = ['swagger-ui.css', 'swagger-ui-bundle.js'] as const;

/** Serves Swagger UI at /docs from the files of the package `swagger-ui-dist`. */
export async function registerDocs(app: FastifyInstance, directory: string): Promise<void> {
  await app.register(fastifyStatic, { root: directory, serve: false, decorateReply: false });
  const hidden = { schema: { hide: true } };
  const page = (reply: FastifyReply, type: string, body: string) =>
    reply.header('content-security-policy', pagePolicy).header('cache-control', 'no-cache').type(type).send(body);
  app.get('/docs', hidden, (_request, reply) => page(reply, 'text/html; charset=utf-8', docsPage));
  app.get('/docs/start.js', hidden, (_request, reply) => page(reply, 'text/javascript; charset=utf-8', docsScript));
  for (const name of docsAssets) {
    app.get(`/docs/${name}`, hidden, (_request, reply) => {
      reply.header('cache-control', 'public, max-age=86400');
      return reply.sendFile(name, directory);
    });
  }
}
