import { z } from 'zod';
import { type Readiness, readinessSchema } from '../../../shared/api/system.ts';
import { PlatformError } from '../../../shared/errors.ts';
import type { ApiContext } from '../context.ts';
import { type Api, problems } from '../route-docs.ts';

const docs = { tags: ['system'], security: [] };
const versionSchema = z.object({ version: z.string(), nodeVersion: z.string() });
const healthSchema = z.object({ status: z.literal('ok') });

type Check = Readiness['checks'][number];

async function checkStore({ controlPlane }: ApiContext): Promise<Check> {
  try {
    await controlPlane.store.check();
    return { name: 'store', ok: true, detail: 'a write reached the disk' };
  } catch (error) {
    const detail = error instanceof PlatformError ? error.message : 'the store does not answer';
    return { name: 'store', ok: false, detail };
  }
}

async function checkDisk({ facts }: ApiContext): Promise<Check> {
  const freeBytes = await facts.diskFreeBytes().catch(() => 0);
  const detail = `${Math.floor(freeBytes / 1024 / 1024)} MiB free`;
  return { name: 'disk', ok: freeBytes >= facts.minDiskFreeBytes, detail };
}

function checkDrivers({ controlPlane }: ApiContext): Check {
  const healthy = controlPlane.inventory.drivers().filter(({ health }) => health.status === 'healthy');
  const names = healthy.map(({ driver }) => driver.name);
  return { name: 'drivers', ok: names.length > 0, detail: names.join(', ') || 'no isolation level is healthy' };
}

async function readiness(context: ApiContext): Promise<Readiness> {
  const checks = [...(await Promise.all([checkStore(context), checkDisk(context)])), checkDrivers(context)];
  if (context.facts.isDraining()) checks.push({ name: 'draining', ok: false, detail: 'the platform is going down' });
  return { ready: checks.every((check) => check.ok), checks };
}

/** Outside /api/v1, without a token: what load balancers and probes ask. */
export function healthRoutes(app: Api, context: ApiContext): void {
  app.route({
    method: 'GET',
    url: '/healthz',
    schema: {
      ...docs,
      operationId: 'getHealth',
      summary: 'The process is alive',
      response: { 200: healthSchema, 500: problems()[500] },
    },
    handler: async () => ({ status: 'ok' as const }),
  });

  app.route({
    method: 'GET',
    url: '/readyz',
    schema: {
      ...docs,
      operationId: 'getReadiness',
      summary: 'It can do its work: store, disk, a healthy isolation level',
      response: { 200: readinessSchema, 503: readinessSchema, 500: problems()[500] },
    },
    handler: async (_request, reply) => {
      const document = await readiness(context);
      reply.header('cache-control', 'no-store');
      return reply.code(document.ready ? 200 : 503).send(document);
    },
  });

  app.route({
    method: 'GET',
    url: '/version',
    schema: {
      ...docs,
      operationId: 'getVersionOfPlatform',
      summary: 'Version of the platform',
      response: { 200: versionSchema, 500: problems()[500] },
    },
    handler: async () => ({ version: context.facts.version, nodeVersion: process.version }),
  });
}
