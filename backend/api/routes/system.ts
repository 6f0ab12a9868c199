import { z } from 'zod';
import { driverDocumentSchema, poolsSchema, systemSchema } from '../../../shared/api/system.ts';
import type { ApiContext } from '../context.ts';
import { type Api, bearerOnly, problems } from '../route-docs.ts';
import { driverDocument, poolsDocument, systemDocument } from '../system-documents.ts';

const docs = { tags: ['system'], security: bearerOnly };
const driversSchema = z.object({ drivers: z.array(driverDocumentSchema) });

export function systemRoutes(app: Api, context: ApiContext): void {
  const { inventory, pool } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/system',
    config: { access: 'any' },
    schema: {
      ...docs,
      operationId: 'getSystem',
      summary: 'The installation: version, addresses, drivers, runtimes, limits, warnings',
      response: { 200: systemSchema, ...problems() },
    },
    handler: async () => systemDocument(context),
  });

  app.route({
    method: 'GET',
    url: '/system/pools',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getPools',
      summary: 'Instances of every version, and pre-warmed sandboxes',
      response: { 200: poolsSchema, ...problems() },
    },
    handler: async () => poolsDocument(pool),
  });

  app.route({
    method: 'GET',
    url: '/system/drivers',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getDrivers',
      summary: 'Isolation levels: what this host can give, and why not',
      querystring: z.object({ refresh: z.enum(['0', '1']).optional().describe('1: probe again first.') }),
      response: { 200: driversSchema, ...problems() },
    },
    handler: async (request) => {
      if (request.query.refresh === '1') await inventory.refresh();
      return { drivers: inventory.drivers().map(driverDocument) };
    },
  });
}
