import { Readable } from 'node:stream';
import { auditVerdictSchema } from '../../../shared/api/access.ts';
import { pageOf, pageQuerySchema } from '../../../shared/api/paging.ts';
import { type AuditFilter as AsAsked, auditEntrySchema, auditFilterSchema } from '../../../shared/api/system.ts';
import type { AuditFilter } from '../../core/ports/audit-store.ts';
import type { Store } from '../../core/ports/store.ts';
import { shownProject } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { auditDocument } from '../documents.ts';
import { type Api, bearerOnly, problems, textResponse } from '../route-docs.ts';

const docs = { tags: ['access'], security: bearerOnly };
const auditPageSchema = pageOf(auditEntrySchema);
const exportedAtOnce = 200;

/** One JSON text a line, read page by page as the client takes them. */
async function* linesOf(store: Store, filter: AuditFilter): AsyncGenerator<string> {
  let cursor: string | undefined;
  do {
    const page = await store.audit.oldest({ limit: exportedAtOnce, cursor }, filter);
    if (page.items.length > 0) yield page.items.map((entry) => `${JSON.stringify(auditDocument(entry))}\n`).join('');
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

const msOf = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time));
const between = ({ from, to, ...rest }: AsAsked) => ({ ...rest, from: msOf(from), to: msOf(to) });

export function auditRoutes(app: Api, context: ApiContext): void {
  const { store } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/audit',
    config: { access: 'admin' },
    schema: {
      ...docs,
      operationId: 'listAudit',
      summary: 'Who changed what in the project, newest first',
      description: 'Everything, for callers who may see all projects and name none.',
      querystring: pageQuerySchema.extend(auditFilterSchema.shape),
      response: { 200: auditPageSchema, ...problems() },
    },
    handler: async (request) => {
      const { limit, cursor, ...filter } = request.query;
      const page = await store.audit.list({ limit, cursor }, { project: shownProject(request), ...between(filter) });
      return { items: page.items.map(auditDocument), nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'GET',
    url: '/audit/export',
    exposeHeadRoute: false,
    config: { access: 'admin' },
    schema: {
      ...docs,
      operationId: 'exportAudit',
      summary: 'The audit trail of the project, oldest first, one JSON object a line',
      description: 'Everything, for callers who may see all projects and name none.',
      querystring: auditFilterSchema,
      response: { 200: textResponse('application/x-ndjson', 'Entries as in the list.'), ...problems() },
    },
    handler: async (request, reply) => {
      const filter = { project: shownProject(request), ...between(request.query) };
      reply.header('content-type', 'application/x-ndjson');
      reply.header('content-disposition', 'attachment; filename="hearth-audit.ndjson"');
      return reply.send(Readable.from(linesOf(store, filter)) as never);
    },
  });

  app.route({
    method: 'GET',
    url: '/audit/verify',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'verifyAudit',
      summary: 'Walks the chain of the whole audit trail: was an entry changed, removed or put in?',
      description:
        'Keep `entries` and `head` elsewhere: a later trail whose entry of that number has another hash was made anew.',
      response: { 200: auditVerdictSchema, ...problems() },
    },
    handler: async () => {
      const { isIntact, entries, head, brokenAt, reason } = await store.audit.verify();
      return { isIntact, entries, head, brokenAt: brokenAt ?? null, reason: reason ?? null };
    },
  });
}
