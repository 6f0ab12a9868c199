import type { ProjectDocument, UserDocument } from '../../shared/api/access.ts';
import type { AliasMove } from '../../shared/api/alias-moves.ts';
import type {
  Alias,
  DraftDocument,
  FunctionDocument,
  FunctionStats,
  Route,
  Schedule,
  ScheduleRun,
  VersionDocument,
} from '../../shared/api/functions.ts';
import type { DeadLetter, InvocationDocument } from '../../shared/api/invocations.ts';
import type { SecretDocument } from '../../shared/api/secrets.ts';
import type { AuditEntry, TokenDocument } from '../../shared/api/system.ts';
import { auditOutcomeOf } from '../../shared/audit-actions.ts';
import { PlatformError } from '../../shared/errors.ts';
import { defaultPathOf, shortNameOf } from '../../shared/names.ts';
import type { Draft } from '../control-plane/drafts.ts';
import { type FunctionEntry, liveVersionOf } from '../control-plane/function-directory.ts';
import type { ProjectContents } from '../control-plane/projects.ts';
import type { ScheduleRunView, ScheduleView } from '../control-plane/schedules.ts';
import type { SecretView } from '../control-plane/secrets.ts';
import type { AliasMoveRecord } from '../core/ports/alias-store.ts';
import type { AuditRecord } from '../core/ports/audit-store.ts';
import type { ProjectRecord } from '../core/ports/project-store.ts';
import type {
  AliasRecord,
  DeadLetterRecord,
  InvocationRecord,
  RouteRecord,
  TokenRecord,
  VersionRecord,
} from '../core/ports/store.ts';
import type { UserRecord } from '../core/ports/user-store.ts';

/** RFC 3339 in UTC. */
export const timeText = (at: number): string => new Date(at).toISOString();
export const timeOrNull = (at: number | undefined): string | null => (at === undefined ? null : timeText(at));

/** JSON text as a value; what is not JSON as text; null when there is nothing. */
export function jsonValue(bytes: Buffer | undefined): unknown {
  if (bytes === undefined) return null;
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function routeDocument(record: RouteRecord, functionName: string): Route {
  return {
    id: record.id,
    functionName: shortNameOf(functionName),
    path: record.path,
    methods: [...record.methods],
    alias: record.alias,
  };
}

/** Where the gateway answers for a function: its first route, else `/{name}`. */
export function functionUrl(entry: FunctionEntry, gatewayUrl: string): string {
  const path = entry.routes[0]?.path ?? defaultPathOf(entry.record.name);
  return gatewayUrl.replace(/\/$/, '') + path;
}

export function functionDocument(
  entry: FunctionEntry,
  gatewayUrl: string,
  stats: FunctionStats | undefined,
): FunctionDocument {
  const { record, versions, routes } = entry;
  const latest = versions.get(record.latestVersion);
  if (latest === undefined) {
    throw new PlatformError('internal', 'latest_version_missing', `function ${record.name} has no latest version`);
  }
  const liveVersion = liveVersionOf(entry) ?? null;
  const live = liveVersion === null ? undefined : versions.get(liveVersion);
  return {
    id: record.id,
    name: shortNameOf(record.name),
    description: record.description,
    tags: [...record.tags],
    enabled: record.isEnabled,
    runtime: latest.config.runtime,
    isolation: latest.config.isolation,
    latestVersion: record.latestVersion,
    liveVersion,
    memoryMb: (live ?? latest).config.memoryMb,
    lastDeployment: { version: latest.version, at: timeText(latest.createdAt), by: latest.createdBy },
    url: functionUrl(entry, gatewayUrl),
    routes: routes.map((route) => routeDocument(route, record.name)),
    createdAt: timeText(record.createdAt),
    updatedAt: timeText(record.updatedAt),
    ...(stats === undefined ? {} : { stats }),
  };
}

export function versionDocument(record: VersionRecord, entry: FunctionEntry): VersionDocument {
  const aliases = [...entry.aliases.values()].filter((alias) =>
    alias.versions.some((target) => target.version === record.version),
  );
  return {
    id: record.id,
    functionName: shortNameOf(entry.record.name),
    version: record.version,
    config: record.config,
    digest: record.digest,
    sizeBytes: record.sizeBytes,
    fileCount: record.fileCount,
    message: record.message,
    createdAt: timeText(record.createdAt),
    createdBy: record.createdBy,
    aliases: aliases.map((alias) => alias.name).sort(),
  };
}

export function draftDocument({ id, spec, config, sizeBytes, fileCount, ...draft }: Draft): DraftDocument {
  return {
    id,
    functionName: shortNameOf(spec.functionName),
    config,
    digest: spec.digest,
    sizeBytes,
    fileCount,
    createdAt: timeText(draft.createdAt),
    createdBy: draft.createdBy,
    expiresAt: timeText(draft.expiresAt),
  };
}

export function aliasDocument(record: AliasRecord): Alias {
  return {
    name: record.name,
    versions: record.versions.map(({ version, weight }) => ({ version, weight })),
    updatedAt: timeText(record.updatedAt),
    canary: record.canary ?? null,
    aborted: record.aborted === undefined ? null : { at: timeText(record.aborted.at), reason: record.aborted.reason },
    message: record.message ?? '',
  };
}

export function aliasMoveDocument({
  seq,
  functionId: _id,
  before,
  after,
  at,
  ...same
}: AliasMoveRecord & { readonly seq: number }): AliasMove {
  return { ...same, id: String(seq), before: [...before], after: [...after], at: timeText(at) };
}

export function scheduleDocument({ record, functionName, nextTicks, wouldRunAt }: ScheduleView): Schedule {
  return {
    id: record.id,
    functionName: shortNameOf(functionName),
    name: record.name,
    cron: record.cron,
    timeZone: record.timeZone,
    payload: jsonValue(Buffer.from(record.payload)),
    payloadText: record.payload,
    alias: record.alias,
    misfire: record.misfire,
    enabled: record.isEnabled,
    lastTickAt: timeOrNull(record.lastTickAt),
    nextTicks: nextTicks.map(timeText),
    wouldRunAt: timeOrNull(wouldRunAt),
  };
}

export function scheduleRunDocument({ run, status }: ScheduleRunView): ScheduleRun {
  const { at, isManual, invocationId } = run;
  return {
    at: timeText(at),
    kind: isManual ? 'manual' : invocationId === undefined ? 'skipped' : 'tick',
    invocationId: invocationId ?? null,
    status: status ?? null,
  };
}

export function invocationDocument(record: InvocationRecord): InvocationDocument {
  return {
    id: record.id,
    functionName: shortNameOf(record.functionName),
    version: record.version,
    qualifier: record.qualifier,
    trigger: record.trigger,
    status: record.status,
    start: record.start,
    attempts: record.attempts,
    createdAt: timeText(record.createdAt),
    startedAt: timeOrNull(record.startedAt),
    finishedAt: timeOrNull(record.finishedAt),
    httpStatus: record.httpStatus ?? null,
    timing: record.timing ?? null,
    usage: record.usage ?? null,
    error: record.error ?? null,
    instanceId: record.instanceId ?? null,
    traceparent: record.traceparent ?? null,
    nextAttemptAt: timeOrNull(record.nextAttemptAt),
    replayOf: record.replayOf ?? null,
    hasRequest: record.hasRequest ?? false,
  };
}

export function deadLetterDocument({ invocation, reason, deadAt, payload, request }: DeadLetterRecord): DeadLetter {
  return {
    invocationId: invocation.id,
    functionName: shortNameOf(invocation.functionName),
    version: invocation.version,
    attempts: invocation.attempts,
    reason,
    error: invocation.error ?? null,
    createdAt: timeText(invocation.createdAt),
    deadAt: timeText(deadAt),
    payload: request === undefined ? jsonValue(payload) : null,
  };
}

export function tokenDocument(record: TokenRecord): TokenDocument {
  return {
    id: record.id,
    name: record.name,
    scope: record.scope,
    project: record.project ?? null,
    createdAt: timeText(record.createdAt),
    expiresAt: timeOrNull(record.expiresAt),
    lastUsedAt: timeOrNull(record.lastUsedAt),
  };
}

export function auditDocument(record: AuditRecord): AuditEntry {
  return {
    id: record.id,
    at: timeText(record.at),
    project: record.project ?? null,
    actorId: record.actorId,
    actor: record.actor,
    action: record.action,
    target: record.target,
    outcome: auditOutcomeOf(record.action),
    detail: record.detail,
    address: record.address,
    hash: record.hash ?? '',
  };
}

export function userDocument(record: UserRecord): UserDocument {
  return {
    id: record.id,
    name: record.name,
    isDisabled: record.isDisabled,
    hasPassword: record.passwordHash !== undefined,
    identities: [...record.identities],
    roles: [...record.roles],
    createdAt: timeText(record.createdAt),
    updatedAt: timeText(record.updatedAt),
  };
}

/** `contents`: undefined for callers who may not know. */
export function projectDocument(
  { id, name, description, createdAt }: ProjectRecord,
  contents: ProjectContents | undefined,
): ProjectDocument {
  return { id, name, description, createdAt: timeText(createdAt), contents: contents ?? null };
}

/** Everything but the value. */
export function secretDocument({ record, usedBy }: SecretView): SecretDocument {
  return {
    name: record.name,
    version: record.version,
    createdAt: timeText(record.createdAt),
    updatedAt: timeText(record.updatedAt),
    updatedBy: record.updatedBy,
    usedBy: usedBy.map(({ functionName, version }) => ({ functionName: shortNameOf(functionName), version })),
  };
}
