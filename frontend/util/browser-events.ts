import { type TestEventKind, testEventLimits, testEventNamePattern } from '../../shared/test-events.ts';
import { jsonError } from './json-error.ts';

/** An event with a name that an earlier release of the dashboard kept in this browser; the platform keeps them now. */
export interface BrowserEvent {
  readonly name: string;
  /** What was in the editor; not always JSON. */
  readonly event: string;
}

const keyOf = (functionName: string) => `hearth.events.${functionName}`;

const isBrowserEvent = (value: unknown): value is BrowserEvent =>
  typeof value === 'object' &&
  value !== null &&
  'name' in value &&
  typeof value.name === 'string' &&
  'event' in value &&
  typeof value.event === 'string';

/** By name. What the storage holds of others, or of older releases, is left out. */
export function browserEvents(storage: Pick<Storage, 'getItem'>, functionName: string): readonly BrowserEvent[] {
  try {
    const stored: unknown = JSON.parse(storage.getItem(keyOf(functionName)) ?? '[]');
    return Array.isArray(stored) ? stored.filter(isBrowserEvent) : [];
  } catch {
    return [];
  }
}

/** Takes one out of the storage, if it is still as it is given here. */
export function deleteBrowserEvent(
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>,
  functionName: string,
  { name, event }: BrowserEvent,
): void {
  const rest = browserEvents(storage, functionName).filter((item) => item.name !== name || item.event !== event);
  if (rest.length === 0) storage.removeItem(keyOf(functionName));
  else storage.setItem(keyOf(functionName), JSON.stringify(rest));
}

/** The private events of whoever is signed in, at the platform. */
export interface PrivateEvents {
  names(): Promise<readonly string[]>;
  text(name: string): Promise<string>;
  put(name: string, text: string): Promise<void>;
}

export interface TakenOver {
  /** Names as they were and as they are; the two differ where the old one was taken or is none for the platform. */
  readonly taken: readonly { readonly from: string; readonly name: string }[];
  readonly left: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Brings what this browser holds to the platform. An event leaves the browser when the platform has it, and never takes
 * the place of another one there; what cannot be taken over stays with the reason. Never rejects.
 */
export async function takeOverEvents(
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>,
  functionName: string,
  events: PrivateEvents,
  reasonOf: (error: unknown) => string,
): Promise<TakenOver> {
  const taken: { from: string; name: string }[] = [];
  const left: { name: string; reason: string }[] = [];
  let names: Set<string> | undefined;
  for (const item of browserEvents(storage, functionName)) {
    try {
      const reason = whyNotKept(item.event);
      if (reason !== undefined) throw new Error(reason);
      names ??= new Set(await events.names());
      const name = await keep(item, names, events);
      names.add(name);
      deleteBrowserEvent(storage, functionName, item);
      taken.push({ from: item.name, name });
    } catch (error) {
      left.push({ name: item.name, reason: reasonOf(error) });
    }
  }
  return { taken, left };
}

/** Resolves with the name under which the platform has the event. */
async function keep({ name: from, event }: BrowserEvent, names: ReadonlySet<string>, events: PrivateEvents) {
  const base = platformName(from);
  for (let count = 1; ; count++) {
    const name = count === 1 ? base : withCount(base, count);
    // What is there already was saved elsewhere, or came from here when the browser could not forget it.
    if (names.has(name) && (await events.text(name)) !== event) continue;
    if (!names.has(name)) await events.put(name, event);
    return name;
  }
}

/** Why the platform does not keep this text as an event, or a request, or undefined. */
export function whyNotKept(event: string, kind: TestEventKind = 'event'): string | undefined {
  if (kind === 'event' && jsonError(event) !== undefined) return 'The event is not valid JSON';
  return new TextEncoder().encode(event).length > testEventLimits.maxBytes
    ? `The ${kind} is larger than ${testEventLimits.maxBytes / 1024} KiB`
    : undefined;
}

/** The browser took any text of up to 60 characters for a name. */
function platformName(name: string): string {
  if (testEventNamePattern.test(name)) return name;
  const legal = name.replaceAll(/[\p{C}/\\]+/gu, '-').replace(/^[^\p{L}\p{N}]+/u, '');
  return legal === '' ? 'event' : cut(legal, testEventLimits.maxNameChars);
}

const withCount = (name: string, count: number): string =>
  `${cut(name, testEventLimits.maxNameChars - ` (${count})`.length)} (${count})`;

const cut = (name: string, chars: number): string =>
  [...name]
    .slice(0, chars)
    .join('')
    .replace(/\p{Z}+$/u, '');
