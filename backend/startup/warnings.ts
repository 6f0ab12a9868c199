import type { Settings } from '../config/schema.ts';
import { isLoopback } from './addresses.ts';

/** What an operator should know of the settings; shown in the log, at the start, in the API and in the dashboard. */
export function warningsOf(settings: Settings, fromSettings: readonly string[]): readonly string[] {
  return [
    ...fromSettings,
    ...(settings.HEARTH_ALLOW_UNSANDBOXED
      ? [
          'HEARTH_ALLOW_UNSANDBOXED is set: unsandboxed functions run with all rights of the platform, without any sandbox',
        ]
      : []),
    ...(isLoopback(settings.HEARTH_HOST)
      ? []
      : [
          `listening on ${settings.HEARTH_HOST}: everybody who reaches the gateway can call functions; put a TLS proxy in front`,
        ]),
  ];
}
