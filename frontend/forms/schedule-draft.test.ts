import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../shared/api/functions.ts';
import { updateFunctionSchema } from '../../shared/api/functions.ts';
import { checkSchedule, emptySchedule, inputOfSchedule, scheduleDraftOf, scheduleInputOf } from './schedule-draft.ts';

const payloadText = '{ "id": 12345678901234567890,\n  "price": 1.10 }';
const schedule: Schedule = {
  ...{ id: 'sch_1', functionName: 'shop', name: 'nightly', cron: '0 3 * * *', timeZone: 'Europe/Berlin' },
  ...{ payload: JSON.parse(payloadText), payloadText, alias: 'beta', misfire: 'skip', enabled: false },
  ...{ lastTickAt: null, nextTicks: [], wouldRunAt: null },
};

describe('a schedule in the form', () => {
  it('is sent back as it was, its payload to the letter', () => {
    const { name, cron, timeZone, alias, misfire, enabled } = schedule;
    expect(inputOfSchedule(schedule)).toEqual({ name, cron, timeZone, alias, misfire, enabled, payloadText });
    expect(inputOfSchedule({ ...schedule, payload: null, payloadText: 'null' }).payloadText).toBe('null');
    expect(updateFunctionSchema.safeParse({ schedules: [inputOfSchedule(schedule)] }).success).toBe(true);
    expect(scheduleInputOf({ ...scheduleDraftOf(schedule), payload: ' [1e400] ' }).payloadText).toBe(' [1e400] ');
  });

  it('says what is wrong beside each field', () => {
    const draft = { ...emptySchedule('UTC'), name: 'nightly', cron: '@daily' };
    expect(checkSchedule(draft, [])).toEqual({});
    expect(checkSchedule(draft, ['nightly'])).toEqual({ name: 'There is a schedule of this name' });
    const wrong = checkSchedule({ ...draft, name: 'No!', cron: ' * ', payload: '{' }, []);
    expect(Object.keys(wrong)).toEqual(['name', 'cron', 'payload']);
    expect(wrong.payload).toMatch(/^Not JSON: /);
  });
});
