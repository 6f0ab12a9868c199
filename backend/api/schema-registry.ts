import { z } from 'zod';
import {
  changePasswordSchema,
  createProjectSchema,
  createUserSchema,
  projectSchema,
  putMemberSchema,
  sessionSchema,
  signInSchema,
  updateProjectSchema,
  updateUserSchema,
  userSchema,
} from '../../shared/api/access.ts';
import { buildLineSchema, buildSchema } from '../../shared/api/builds.ts';
import {
  alertEventSchema,
  changeTopicsSchema,
  deploymentEventSchema,
  functionTickSchema,
  gapSchema,
  logEventSchema,
  openStreamSchema,
  refusedTopicSchema,
} from '../../shared/api/events.ts';
import {
  aliasSchema,
  createFunctionSchema,
  createVersionSchema,
  deployedSchema,
  functionSchema,
  functionStatsSchema,
  putAliasSchema,
  routeSchema,
  scheduleSchema,
  updateFunctionSchema,
  versionSchema,
} from '../../shared/api/functions.ts';
import {
  acceptedSchema,
  deadLetterSchema,
  invocationDetailSchema,
  invocationSchema,
  logLineSchema,
} from '../../shared/api/invocations.ts';
import { keptRequestSchema } from '../../shared/api/kept-requests.ts';
import { logHistogramSchema, logStepSchema } from '../../shared/api/log-histogram.ts';
import { gaugePointSchema, gaugeSeriesSchema, metricPointSchema, metricsSchema } from '../../shared/api/metrics.ts';
import { problemSchema } from '../../shared/api/paging.ts';
import {
  auditEntrySchema,
  createdTokenSchema,
  createTokenSchema,
  driverDocumentSchema,
  poolDocumentSchema,
  readinessSchema,
  runtimeDocumentSchema,
  systemSchema,
  tokenSchema,
} from '../../shared/api/system.ts';
import { versionConfigSchema } from '../../shared/version-config.ts';

/**
 * The schemas that have a name of their own in the OpenAPI document, with examples for the main ones. It is zod's global
 * registry because `describe` keeps its texts there, and a document is made from one registry.
 */
export const namedSchemas = z.globalRegistry;

const add = (schema: z.ZodType, id: string, example?: unknown) => {
  const known = namedSchemas.get(schema) ?? {};
  namedSchemas.add(schema, { ...known, id, ...(example === undefined ? {} : { examples: [example] }) });
};

add(problemSchema, 'Problem', {
  type: 'urn:hearth:error:function_not_found',
  title: 'Not found',
  status: 404,
  detail: 'there is no function "resize"',
  code: 'function_not_found',
  requestId: 'req_01k9x3m6v2abcdefghjkmnpqrs',
});
add(createFunctionSchema, 'CreateFunction', {
  name: 'hello',
  runtime: 'nodejs',
  handler: 'index.handler',
  files: { 'index.mjs': 'export const handler = async (event) => ({ hello: event?.name ?? "world" });' },
  routes: [{ path: '/hello/:name', methods: ['GET'] }],
  timeoutMs: 30_000,
  memoryMb: 128,
});
add(createVersionSchema, 'CreateVersion', {
  files: { 'index.mjs': 'export const handler = async () => ({ hello: "again" });' },
  message: 'say it again',
});
add(updateFunctionSchema, 'UpdateFunction', { description: 'says hello', enabled: true });
add(putAliasSchema, 'PutAlias', {
  versions: [
    { version: 1, weight: 90 },
    { version: 2, weight: 10 },
  ],
});
add(createTokenSchema, 'CreateToken', { name: 'ci', scope: 'deploy', expiresInSeconds: 7_776_000 });
add(acceptedSchema, 'Accepted', {
  id: 'inv_01k9x3m6v2abcdefghjkmnpqrs',
  status: 'queued',
  location: '/api/v1/invocations/inv_01k9x3m6v2abcdefghjkmnpqrs',
});
add(versionConfigSchema, 'VersionConfig');
add(functionStatsSchema, 'FunctionStats');
add(functionSchema, 'Function');
add(versionSchema, 'Version');
add(deployedSchema, 'Deployed');
add(aliasSchema, 'Alias');
add(routeSchema, 'Route');
add(scheduleSchema, 'Schedule');
add(invocationSchema, 'Invocation');
add(invocationDetailSchema, 'InvocationDetail');
add(deadLetterSchema, 'DeadLetter');
add(keptRequestSchema, 'KeptRequest');
add(logLineSchema, 'LogLine');
add(logStepSchema, 'LogStep');
add(logHistogramSchema, 'LogHistogram');
add(metricPointSchema, 'MetricPoint');
add(metricsSchema, 'Metrics');
add(gaugePointSchema, 'GaugePoint');
add(gaugeSeriesSchema, 'GaugeSeries');
add(openStreamSchema, 'OpenStream');
add(refusedTopicSchema, 'RefusedTopic');
add(gapSchema, 'Gap');
add(logEventSchema, 'LogEvent');
add(functionTickSchema, 'FunctionTick');
add(deploymentEventSchema, 'DeploymentEvent');
add(buildSchema, 'Build');
add(buildLineSchema, 'BuildLine');
add(alertEventSchema, 'AlertEvent');
add(changeTopicsSchema, 'ChangeTopics', { topics: ['metrics', 'logs:hello?tail=200'] });
add(projectSchema, 'Project');
add(createProjectSchema, 'CreateProject', { name: 'acme', description: 'The shop' });
add(updateProjectSchema, 'UpdateProject', { description: 'The new shop' });
add(userSchema, 'User');
add(createUserSchema, 'CreateUser', {
  name: 'ada',
  password: 'a long sentence',
  roles: [{ project: 'default', role: 'developer' }],
});
add(updateUserSchema, 'UpdateUser', { isDisabled: true });
add(putMemberSchema, 'PutMember', { role: 'viewer' });
add(signInSchema, 'SignIn', { user: 'ada', password: 'a long sentence' });
add(changePasswordSchema, 'ChangePassword', { currentPassword: 'a long sentence', newPassword: 'another sentence' });
add(sessionSchema, 'Session');
add(tokenSchema, 'Token');
add(createdTokenSchema, 'CreatedToken');
add(auditEntrySchema, 'AuditEntry');
add(driverDocumentSchema, 'Driver');
add(runtimeDocumentSchema, 'Runtime');
add(poolDocumentSchema, 'Pool');
add(readinessSchema, 'Readiness');
add(systemSchema, 'System');
