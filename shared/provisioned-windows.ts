import { z } from 'zod';

export const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const timeOfDay = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'a time such as 08:30');

export const provisionedWindowSchema = z
  .strictObject({
    minInstances: z.number().int().min(1).max(100).describe('Kept warm within the window.'),
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .max(7)
      .default([...weekdays])
      .describe('On which the window begins; every day when left out.'),
    from: timeOfDay.describe('Local time, 24 hours.'),
    to: timeOfDay.describe('Exclusive; before `from`: on the next day.'),
    timeZone: z.string().max(64).default('UTC').refine(isTimeZone, 'no time zone, for example Europe/Berlin'),
  })
  .refine(({ from, to }) => from !== to, { message: 'must differ from `from`', path: ['to'] });
export type ProvisionedWindow = z.infer<typeof provisionedWindowSchema>;

export const provisionedWindowsSchema = z
  .array(provisionedWindowSchema)
  .max(20)
  .describe('Hours in which more instances are kept warm than `minInstances`; of those that hold, the largest counts.');
