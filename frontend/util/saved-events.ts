/** An event that somebody named to test with it again. Kept in this browser only: events may hold what nobody else shall see. */
export interface SavedEvent {
  readonly name: string;
  /** JSON text. */
  readonly event: string;
}

const maxEvents = 20;
const maxChars = 256 * 1024;
const keyOf = (functionName: string) => `hearth.events.${functionName}`;

const isSavedEvent = (value: unknown): value is SavedEvent =>
  typeof value === 'object' &&
  value !== null &&
  'name' in value &&
  typeof value.name === 'string' &&
  'event' in value &&
  typeof value.event === 'string';

/** By name. What the storage holds of others, or of older releases, is left out. */
export function savedEvents(storage: Pick<Storage, 'getItem'>, functionName: string): readonly SavedEvent[] {
  try {
    const stored: unknown = JSON.parse(storage.getItem(keyOf(functionName)) ?? '[]');
    return Array.isArray(stored) ? stored.filter(isSavedEvent) : [];
  } catch {
    return [];
  }
}

/** Why an event cannot be saved, or undefined. */
export function saveError(saved: readonly SavedEvent[], name: string, event: string): string | undefined {
  if (name.trim() === '' || name.length > 60) return 'A name has 1 to 60 characters';
  if (event.length > maxChars) return 'This event is larger than 256 KiB';
  const isNew = !saved.some((item) => item.name === name.trim());
  return isNew && saved.length >= maxEvents
    ? `There are ${maxEvents} saved events already; delete one first`
    : undefined;
}

/** Adds one, or replaces the one of that name. False when the browser has no room for it. */
export function saveEvent(
  storage: Pick<Storage, 'getItem' | 'setItem'>,
  functionName: string,
  { name, event }: SavedEvent,
): boolean {
  const rest = savedEvents(storage, functionName).filter((item) => item.name !== name.trim());
  const all = [...rest, { name: name.trim(), event }].sort((a, b) => a.name.localeCompare(b.name, 'en'));
  return store(storage, functionName, all);
}

export function deleteEvent(
  storage: Pick<Storage, 'getItem' | 'setItem'>,
  functionName: string,
  name: string,
): boolean {
  return store(
    storage,
    functionName,
    savedEvents(storage, functionName).filter((item) => item.name !== name),
  );
}

function store(storage: Pick<Storage, 'setItem'>, functionName: string, all: readonly SavedEvent[]): boolean {
  try {
    storage.setItem(keyOf(functionName), JSON.stringify(all));
    return true;
  } catch {
    return false;
  }
}
