import { egressRefusalsSchema, maxEgressRefusals } from '../../../shared/api/egress.ts';
import { egressRefusalReasons } from '../../../shared/egress.ts';
import { functionNameIn } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { timeText } from '../documents.ts';
import { type Api, bearerOnly, nameParams, problems } from '../route-docs.ts';

export function egressRoutes(app: Api, context: ApiContext): void {
  const { functions, store } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/functions/:name/egress-refusals',
    config: { access: 'read' },
    schema: {
      tags: ['functions'],
      security: bearerOnly,
      operationId: 'listEgressRefusals',
      summary: 'Attempts of a function to reach what it may not',
      params: nameParams,
      response: { 200: egressRefusalsSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { id } = functions.get(functionNameIn(request, request.params.name)).record;
      const refusals = await store.egressRefusals.list(id, maxEgressRefusals);
      const items = refusals.map(({ functionId: _id, firstAt, lastAt, ...same }) => ({
        ...same,
        message: egressRefusalReasons[same.reason],
        firstAt: timeText(firstAt),
        lastAt: timeText(lastAt),
      }));
      return { items };
    },
  });
}
