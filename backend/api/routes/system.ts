import { z } from 'zod';
import {
  buildGuestsSchema,
  buildRuntimeImageSchema,
  builtGuestsSchema,
  builtRuntimeImageSchema,
  driverDocumentSchema,
  poolsSchema,
  pullsSchema,
  runtimeImagesSchema,
  systemSchema,
} from '../../../shared/api/system.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { isolationLevels } from '../../../shared/version-config.ts';
import { auditRecord } from '../../control-plane/audit.ts';
import { actorOf, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { timeText } from '../documents.ts';
import { type Api, bearerOnly, problems } from '../route-docs.ts';
import { driverDocument, poolsDocument, systemDocument } from '../system-documents.ts';

const docs = { tags: ['system'], security: bearerOnly };
/** A daemon that takes longer has other troubles. */
const listTimeoutMs = 20_000;
const buildTimeoutMs = 300_000;
/** Guests without hardware support take their time to boot, twice. */
const measureTimeoutMs = 180_000;
const driversSchema = z.object({ drivers: z.array(driverDocumentSchema) });

export function systemRoutes(app: Api, context: ApiContext): void {
  guestRoutes(app, context);
  const { controlPlane } = context;
  const { inventory, images, containerImages } = controlPlane;

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
    handler: async () => await systemDocument(context),
  });

  app.route({
    method: 'GET',
    url: '/system/pools',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getPools',
      summary: 'Instances of every version of the project, and pre-warmed sandboxes',
      response: { 200: poolsSchema, ...problems() },
    },
    handler: async (request) => poolsDocument(controlPlane, projectOfRequest(request)),
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
      return { drivers: inventory.drivers().map((finding) => driverDocument(finding, controlPlane)) };
    },
  });

  app.route({
    method: 'POST',
    url: '/system/drivers/:name/measurement',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'measureDriver',
      summary: 'Finds out what an isolation level costs on this host, with a small echo that the platform runs itself',
      description: 'Waits for other measurements, and takes as long as a few starts at this level.',
      params: z.object({ name: z.enum(isolationLevels) }),
      response: { 200: driverDocumentSchema, ...problems(413, 415, 422) },
    },
    handler: async (request) => {
      const { name } = request.params;
      const { levelMeasurement, store } = controlPlane;
      await levelMeasurement.measure(name, AbortSignal.timeout(measureTimeoutMs));
      const finding = inventory.drivers().find(({ driver }) => driver.name === name);
      if (finding === undefined) throw new PlatformError('internal', 'internal_error', `the level ${name} is gone`);
      const document = driverDocument(finding, controlPlane);
      const detail = { after: document.measured };
      await store.audit.append(auditRecord(context.clock.now(), actorOf(request), 'driver.measure', name, detail));
      return document;
    },
  });

  app.route({
    method: 'GET',
    url: '/system/images',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getRuntimeImages',
      summary: 'Images that runtimes are started from, for isolation levels that have images',
      response: { 200: runtimeImagesSchema, ...problems() },
    },
    handler: async () => ({ images: [...((await images?.list(AbortSignal.timeout(listTimeoutMs))) ?? [])] }),
  });

  app.route({
    method: 'GET',
    url: '/system/pulls',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getPulls',
      summary: 'Container images that deploys are pulling now, and how far they are',
      response: { 200: pullsSchema, ...problems() },
    },
    handler: async () => ({
      pulls: (containerImages?.pulls() ?? []).map((pull) => ({ ...pull, startedAt: timeText(pull.startedAt) })),
    }),
  });

  app.route({
    method: 'POST',
    url: '/system/images',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'buildRuntimeImage',
      summary: "Makes the image of a runtime from this host's own files, unless that very image is there",
      body: buildRuntimeImageSchema,
      response: { 200: builtRuntimeImageSchema, ...problems(413, 415, 422) },
    },
    handler: async (request) => {
      if (images === undefined) {
        throw new PlatformError(
          'unprocessable',
          'runtime_missing',
          'this installation has no isolation level with images',
        );
      }
      const { runtime } = request.body;
      const { progress, ...image } = await images.build(runtime, AbortSignal.timeout(buildTimeoutMs));
      const detail = { driver: image.driver, after: { reference: image.reference, isNew: image.isNew } };
      await context.controlPlane.store.audit.append(
        auditRecord(context.clock.now(), actorOf(request), 'image.build', runtime, detail),
      );
      return { ...image, progress: [...progress] };
    },
  });
}

function guestRoutes(app: Api, context: ApiContext): void {
  const { guests, store } = context.controlPlane;
  app.route({
    method: 'POST',
    url: '/system/guests',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'buildGuests',
      summary:
        'Makes what microVMs boot from (kernel, initial RAM disk, root image), unless those very files are there',
      body: buildGuestsSchema,
      response: { 200: builtGuestsSchema, ...problems(409, 413, 415, 422) },
    },
    handler: async (request) => {
      if (guests === undefined) {
        const message = 'this installation has no isolation level with guests';
        throw new PlatformError('unprocessable', 'isolation_unavailable', message);
      }
      const { runtime, kernel } = request.body;
      const built = await guests.build({ runtime, kernel }, AbortSignal.timeout(buildTimeoutMs));
      const detail = { kernel: kernel ?? null, drivers: built.map(({ driver }) => driver) };
      await store.audit.append(
        auditRecord(context.clock.now(), actorOf(request), 'guest.build', runtime, { after: detail }),
      );
      return {
        guests: built.map((guest) => ({ ...guest, parts: [...guest.parts], progress: [...guest.progress] })),
      };
    },
  });
}
