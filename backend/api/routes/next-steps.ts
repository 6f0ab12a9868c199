import type { FastifyRequest } from 'fastify';
import { type NextStepName, nextStepNames, nextStepsSchema } from '../../../shared/api/next-steps.ts';
import type { Access } from '../../../shared/permissions.ts';
import { callerOf, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { timeText } from '../documents.ts';
import { type Api, bearerOnly, problems } from '../route-docs.ts';
import { alertScope } from './alerts.ts';

/** Who may take a step, and so hears of it. */
const accessOfStep: Readonly<Record<NextStepName, Access>> = {
  cli: 'read',
  ci: 'deploy',
  alert: 'operate',
  backup: 'platform',
};

/** What there is to do beyond first functions, and whether it was done: by what the platform saw, never by what somebody ticked. */
export function nextStepRoutes(app: Api, { controlPlane }: ApiContext): void {
  const { firstUses, alerts, store } = controlPlane;
  const firstAt: Readonly<Record<NextStepName, (request: FastifyRequest) => Promise<number | undefined>>> = {
    cli: (request) => firstUses.firstAt(projectOfRequest(request), 'cli'),
    ci: (request) => firstUses.firstAt(projectOfRequest(request), 'ci'),
    alert: async (request) => (await alerts.list(alertScope(request)))[0]?.createdAt,
    backup: async () =>
      (await store.audit.oldest({ limit: 1, cursor: undefined }, { action: 'backup.create' })).items[0]?.at,
  };

  app.route({
    method: 'GET',
    url: '/next-steps',
    config: { access: 'read' },
    schema: {
      tags: ['system'],
      security: bearerOnly,
      operationId: 'listNextSteps',
      summary: 'What to do after the first functions, and when it was done',
      description: 'Those that the caller may take.',
      response: { 200: nextStepsSchema, ...problems() },
    },
    handler: async (request) => {
      const { access } = callerOf(request);
      const steps = nextStepNames.filter((step) => access.has(accessOfStep[step]));
      const items = await Promise.all(
        steps.map(async (step) => {
          const at = await firstAt[step](request);
          return { step, doneAt: at === undefined ? null : timeText(at) };
        }),
      );
      return { items };
    },
  });
}
