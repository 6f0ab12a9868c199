import type { Clock } from '../../backend/core/ports/clock.ts';
import { SystemClock } from '../../backend/core/system-clock.ts';

/** Real time, for stores under test. */
export const testClock: Clock = new SystemClock();

export const testLogger = { info: () => undefined, error: () => undefined };
