import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  alertDeliveriesSchema,
  alertRuleSchema,
  createAlertRuleSchema,
  signingSecretSchema,
  silenceAlertSchema,
} from '../../../shared/api/alerts.ts';
import { pageOf, pageQuerySchema } from '../../../shared/api/paging.ts';
import type { AlertScope } from '../../control-plane/alerts.ts';
import { alertDeliveryDocument, alertRuleDocument } from '../alert-documents.ts';
import { missingAccess } from '../auth.ts';
import { actorOf, callerOf, shownProject } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { pageInMemory } from '../memory-page.ts';
import { type Api, bearerOnly, idParams, noContent, problems } from '../route-docs.ts';

const docs = { tags: ['alerts'], security: bearerOnly };

/** Those of the project that is asked about; those of the installation too for owners of all projects who name none. */
export function alertScope(request: FastifyRequest): AlertScope {
  const project = shownProject(request);
  return { project, hasInstallation: project === undefined && callerOf(request).access.has('platform') };
}

/** Alert rules of a project are its operators' business. Those of the installation may watch everything. */
export function alertRoutes(app: Api, context: ApiContext): void {
  const { alerts } = context.controlPlane;
  const document = (rule: Awaited<ReturnType<typeof alerts.get>>) => alertRuleDocument(rule, alerts.latest(rule.id));

  app.route({
    method: 'GET',
    url: '/alerts',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'listAlerts',
      summary: 'List alert rules of the project with their states, oldest first',
      description: 'All, and those of the installation, for owners of all projects who name none.',
      querystring: pageQuerySchema,
      response: { 200: pageOf(alertRuleSchema), ...problems() },
    },
    handler: async (request) => {
      const { limit, cursor } = request.query;
      const page = pageInMemory(await alerts.list(alertScope(request)), (rule) => rule.id, { limit, cursor });
      return { items: page.items.map(document), nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'POST',
    url: '/alerts',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'createAlert',
      summary: 'Create an alert rule',
      description:
        'It belongs to the project of the request; to the installation when an owner of all projects names none. It is looked at every ten seconds. `forMs` 0 fires at the first look that finds it.',
      body: createAlertRuleSchema,
      response: { 201: alertRuleSchema, ...problems(404, 409, 413, 415, 422) },
    },
    handler: async (request, reply) => {
      const project = shownProject(request) ?? null;
      const caller = callerOf(request);
      if (project === null && !caller.access.has('platform')) throw missingAccess(caller, 'platform');
      return reply.code(201).send(document(await alerts.create(request.body, project, actorOf(request))));
    },
  });

  app.route({
    method: 'GET',
    url: '/alerts/:id',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'getAlert',
      summary: 'One alert rule',
      params: idParams,
      response: { 200: alertRuleSchema, ...problems(404) },
    },
    handler: async (request) => document(await alerts.get(request.params.id, alertScope(request))),
  });

  app.route({
    method: 'PUT',
    url: '/alerts/:id',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'replaceAlert',
      summary: 'Replace an alert rule',
      params: idParams,
      body: createAlertRuleSchema,
      response: { 200: alertRuleSchema, ...problems(404, 413, 415, 422) },
    },
    handler: async (request) =>
      document(await alerts.replace(request.params.id, request.body, alertScope(request), actorOf(request))),
  });

  app.route({
    method: 'DELETE',
    url: '/alerts/:id',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'deleteAlert',
      summary: 'Delete an alert rule; nobody is told any more',
      params: idParams,
      response: { 204: noContent, ...problems(404) },
    },
    handler: async (request, reply) => {
      await alerts.remove(request.params.id, alertScope(request), actorOf(request));
      return reply.code(204).send();
    },
  });

  app.route({
    method: 'POST',
    url: '/alerts/:id/silence',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'silenceAlert',
      summary: 'Tell nobody for some time; the state goes on',
      params: idParams,
      body: silenceAlertSchema,
      response: { 200: alertRuleSchema, ...problems(404, 413, 415) },
    },
    handler: async (request) =>
      document(await alerts.silence(request.params.id, request.body.durationMs, alertScope(request), actorOf(request))),
  });

  app.route({
    method: 'POST',
    url: '/alerts/:id/test',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'testAlert',
      summary: 'Send a trial message to every channel of the rule',
      params: idParams,
      body: z.strictObject({}).nullish(),
      response: { 202: alertDeliveriesSchema, ...problems(404, 409, 413, 415) },
    },
    handler: async (request, reply) => {
      const deliveries = await alerts.test(request.params.id, alertScope(request));
      return reply.code(202).send({ items: deliveries.map(alertDeliveryDocument) });
    },
  });

  app.route({
    method: 'GET',
    url: '/alerts/:id/deliveries',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'listAlertDeliveries',
      summary: 'The last hundred messages of a rule, newest first',
      params: idParams,
      response: { 200: alertDeliveriesSchema, ...problems(404) },
    },
    handler: async (request) => ({
      items: (await alerts.deliveries(request.params.id, alertScope(request))).map(alertDeliveryDocument),
    }),
  });

  app.route({
    method: 'GET',
    url: '/alerts/:id/signing-secret',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'getAlertSigningSecret',
      summary: 'What a receiver checks the signatures of this rule with',
      params: idParams,
      response: { 200: signingSecretSchema, ...problems(404) },
    },
    handler: async (request) => ({ secret: await alerts.signingSecret(request.params.id, alertScope(request)) }),
  });
}
