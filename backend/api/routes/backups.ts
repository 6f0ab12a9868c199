import { actorOf } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { type Api, bearerOnly, problems, textResponse } from '../route-docs.ts';

export function backupRoutes(app: Api, context: ApiContext): void {
  app.route({
    method: 'POST',
    url: '/system/backups',
    config: { access: 'platform' },
    schema: {
      tags: ['system'],
      security: bearerOnly,
      operationId: 'createBackup',
      summary: 'A backup of the whole installation, without the key of its secrets',
      description:
        'A compressed tar archive: one state of the database, every bundle that it names, and a manifest with hashes. Calls and deploys go on meanwhile. See docs/backup.md.',
      response: { 200: textResponse('application/gzip', 'The archive.'), ...problems(409, 413, 415) },
    },
    handler: async (request, reply) => {
      const { archive, createdAt } = await context.controlPlane.backups.create(actorOf(request));
      const stamp = new Date(createdAt).toISOString().replace(/[-:]|\.\d+/g, '');
      reply.header('content-type', 'application/gzip');
      reply.header('content-disposition', `attachment; filename="hearth-${stamp}.tar.gz"`);
      return reply.send(archive as never);
    },
  });
}
