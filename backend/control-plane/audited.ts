import type { VersionConfig } from '../../shared/version-config.ts';
import type { AlertRuleRecord } from '../core/ports/alert-store.ts';
import type { FunctionRecord, RouteRecord, ScheduleRecord } from '../core/ports/store.ts';

/**
 * What goes into the audit trail of things that have parts which must not: values of variables and payloads of schedules may be
 * secret and are large, so of variables the names are kept, and of payloads nothing.
 */
export function auditedConfig({ env, ...config }: VersionConfig): Readonly<Record<string, unknown>> {
  return { ...config, env: Object.keys(env).sort() };
}

export const auditedFunction = ({ description, tags, isEnabled, latestVersion }: FunctionRecord) => ({
  description,
  tags,
  enabled: isEnabled,
  latestVersion,
});

export const auditedRoutes = (routes: readonly RouteRecord[]) =>
  routes.map(({ path, methods, alias }) => ({ path, methods, alias }));

export const auditedSchedules = (schedules: readonly ScheduleRecord[]) =>
  schedules.map(({ name, cron, timeZone, alias, misfire, isEnabled }) => ({
    name,
    cron,
    timeZone,
    alias,
    misfire,
    enabled: isEnabled,
  }));

/** Without what it remembers. Of a webhook the origin alone: with many receivers the rest of the address is the key to it. */
export const auditedAlert = ({
  id,
  memory,
  createdAt,
  updatedAt,
  channels,
  silencedUntil,
  ...rule
}: AlertRuleRecord) => ({
  ...rule,
  channels: channels.map((channel) =>
    channel.kind === 'webhook' ? { kind: channel.kind, origin: new URL(channel.url).origin } : channel,
  ),
  silencedUntil: silencedUntil ?? null,
});

/** The members of both that are not the same in both. */
export function changed<T extends Readonly<Record<string, unknown>>>(
  before: T,
  after: T,
): { readonly before: Partial<T>; readonly after: Partial<T> } {
  const isChanged = ([key]: readonly [string, unknown]) => JSON.stringify(before[key]) !== JSON.stringify(after[key]);
  const only = (all: T) => Object.fromEntries(Object.entries(all).filter(isChanged)) as Partial<T>;
  return { before: only(before), after: only(after) };
}
