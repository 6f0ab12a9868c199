import {
  batchSettings,
  captureSettings,
  limitSettings,
  type NumberSetting,
  retrySettings,
  scalingSettings,
} from './number-settings.ts';

type NumberGroup = Readonly<Record<string, NumberSetting>>;
const termsOf = (group: NumberGroup): readonly string[] =>
  Object.values(group).flatMap(({ label, hint, path }) => [label, hint, path]);

/** The groups of the settings of a version, in their order; `terms` is what they are found by beside their title. */
export const settingsSections = [
  { id: 'general', title: 'General', terms: ['Handler', 'Container image', 'Schema of the event', 'inputSchema'] },
  { id: 'limits', title: 'Limits', terms: termsOf(limitSettings) },
  {
    id: 'scaling',
    title: 'Scaling and concurrency',
    terms: [...termsOf(scalingSettings), 'Hours with more kept warm', 'provisionedWindows', 'schedule'],
  },
  {
    id: 'batching',
    title: 'Batching',
    terms: [...termsOf(batchSettings), 'batch', 'The same GET at the same time', 'singleFlight', 'headers'],
  },
  { id: 'retries', title: 'Retries', terms: [...termsOf(retrySettings), 'retry'] },
  {
    id: 'capture',
    title: 'Kept requests',
    terms: [...termsOf(captureSettings), 'Requests that are kept', 'capture', 'replay', 'payload'],
  },
  { id: 'network', title: 'Network', terms: ['Outgoing network', 'egress', 'hosts', 'allow-list'] },
  {
    id: 'access',
    title: 'Access',
    terms: ['Who may call', 'auth', 'token', 'HMAC signature', 'JWT', 'CORS', 'Rate limits', 'rateLimits'],
  },
  { id: 'environment', title: 'Environment and secrets', terms: ['env', 'variables', '.env'] },
  { id: 'isolation', title: 'Isolation', terms: ['level', 'snapshots', 'process docker microVM unikernel'] },
] as const;
export type SettingsSection = (typeof settingsSections)[number];

/** The anchor of a section of the page. */
export const sectionAnchor = (id: string): string => `settings-${id}`;

/** Whether a section has something that somebody looks for: every word in one of its names. */
export function isFound({ title, terms }: Pick<SettingsSection, 'title' | 'terms'>, search: string): boolean {
  const names = [title, ...terms].join('\n').toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => names.includes(word));
}
