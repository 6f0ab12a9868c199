import type { RouteInput, ScheduleInput } from '../../shared/api/functions.ts';
import { PlatformError } from '../../shared/errors.ts';
import { type FunctionId, newId } from '../../shared/ids.ts';
import { limits } from '../../shared/limits.ts';
import { shortNameOf } from '../../shared/names.ts';
import type { RouteRecord, ScheduleRecord } from '../core/ports/store.ts';
import { checkCron } from './cron.ts';

const liveAlias = 'live';

/** Routes as they are stored; patterns are checked by the directory. */
export function routeRecords(functionId: FunctionId, inputs: readonly RouteInput[]): readonly RouteRecord[] {
  return inputs.map((input) => ({
    id: newId('route'),
    functionId,
    path: input.path.length > 1 && input.path.endsWith('/') ? input.path.slice(0, -1) : input.path,
    methods: [...new Set(input.methods ?? [])],
    alias: input.alias ?? liveAlias,
  }));
}

/** JSON, to the letter when it was given as text. */
function payloadOf({ name, payload, payloadText }: ScheduleInput): string {
  if (payloadText === undefined) return JSON.stringify(payload ?? null);
  const wrong = (why: string) => new PlatformError('invalid_request', 'bad_schedule', `schedule ${name}: ${why}`);
  if (payload !== undefined) throw wrong('give payload or payloadText, not both');
  try {
    JSON.parse(payloadText);
  } catch (error) {
    throw wrong(`payloadText is not JSON: ${(error as Error).message}`);
  }
  return payloadText;
}

/** Schedules as they are stored. Throws `invalid_request`/`bad_schedule`. */
export function scheduleRecords(
  functionId: FunctionId,
  inputs: readonly ScheduleInput[],
  now: number,
): readonly ScheduleRecord[] {
  const names = new Set<string>();
  return inputs.map((input) => {
    const timeZone = input.timeZone ?? 'UTC';
    checkCron(input.name, input.cron, timeZone, now);
    if (names.has(input.name)) {
      throw new PlatformError('invalid_request', 'bad_schedule', `schedule ${input.name} is given twice`);
    }
    names.add(input.name);
    const payload = payloadOf(input);
    if (Buffer.byteLength(payload) > limits.maxAsyncPayloadBytes) {
      throw new PlatformError(
        'payload_too_large',
        'payload_too_large',
        `the payload of schedule ${input.name} is over ${limits.maxAsyncPayloadBytes} bytes`,
      );
    }
    return {
      id: newId('schedule'),
      functionId,
      name: input.name,
      cron: input.cron,
      timeZone,
      payload,
      alias: input.alias ?? liveAlias,
      misfire: input.misfire ?? 'run-once',
      isEnabled: input.enabled ?? true,
      createdAt: now,
      lastTickAt: undefined,
    };
  });
}

/** Throws `unprocessable`/`alias_missing` when a trigger names an alias that the function does not have. */
export function checkTriggerAliases(
  triggers: readonly { readonly alias: string }[],
  aliases: ReadonlySet<string>,
  functionName: string,
): void {
  for (const { alias } of triggers) {
    if (aliases.has(alias)) continue;
    throw new PlatformError(
      'unprocessable',
      'alias_missing',
      `function ${shortNameOf(functionName)} has no alias ${alias}; create the alias first, then the trigger that uses it`,
    );
  }
}
