import type { TestEventKind } from '../../shared/test-events.ts';
import { testEventLimits, testEventNamePattern, testEventNameRule } from '../../shared/test-events.ts';
import type { TestEventName } from '../api/test-events.ts';
import { whyNotKept } from '../util/browser-events.ts';

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Why the platform would not keep an event under this name, or undefined. `saved`: what it keeps for whoever is signed in. */
export function saveObstacle(
  saved: readonly TestEventName[],
  { visibility, name }: TestEventName,
  event: string,
  kind: TestEventKind = 'event',
): string | undefined {
  if (!testEventNamePattern.test(name)) return capital(testEventNameRule);
  const why = whyNotKept(event, kind);
  if (why !== undefined) return why;
  const same = saved.filter((item) => item.visibility === visibility);
  const most = visibility === 'shared' ? testEventLimits.maxShared : testEventLimits.maxPrivate;
  if (same.length < most || same.some((item) => item.name === name)) return undefined;
  return `There are ${most} ${visibility} events of this function already; delete one first`;
}
