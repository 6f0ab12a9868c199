import { useEffect, useRef, useState } from 'react';
import type { EventPath, ObjectSchema } from '../../shared/event-schema.ts';
import { Button } from '../ui/button.tsx';
import { Callout } from '../ui/callout.tsx';
import { childOf, type JsonNode, withoutValue, withValue } from '../util/json-text.ts';
import { type EventFields, ObjectFields } from './event-fields.tsx';
import { eventOf, pathKey, readEvent } from './event-values.ts';

export interface EventFormProps {
  readonly schema: ObjectSchema;
  /** The event as it is in the editor. */
  readonly text: string;
  readonly onChange: (text: string) => void;
  /** Ctrl or Cmd with Enter. */
  readonly onRun: () => void;
  /** Why the event is not what the form shows: a number that is none yet. Undefined: it is. */
  readonly onObstacle: (reason: string | undefined) => void;
}

interface Unwritten {
  /** What is in the event instead, so that another text there is shown. */
  readonly raw: string;
  readonly typed: string;
}

/**
 * Fields for an event, made of its schema. The text of the event is all that there is: a field changes its part of that and
 * nothing else, and shows what the text has. What does not fit the schema is said, and can be sent all the same.
 */
export function EventForm({ schema, text, onChange, onRun, onObstacle }: EventFormProps) {
  const form = useRef<HTMLDivElement>(null);
  const [unwritten, setUnwritten] = useState<ReadonlyMap<string, Unwritten>>(new Map());
  /** Where the focus goes once what is there is shown. */
  const focus = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (focus.current === undefined) return;
    const place = form.current?.querySelector(`[data-path="${CSS.escape(focus.current)}"]`);
    focus.current = undefined;
    const control = place?.matches('button')
      ? place
      : (place?.querySelector('input, select, textarea') ?? place?.querySelector('button'));
    if (control instanceof HTMLElement) control.focus();
  });
  const event = readEvent(schema, text);
  const rawAt = (node: JsonNode | undefined) => (node === undefined ? '' : text.slice(node.start, node.end));
  const typedAt = (path: EventPath, raw: string): string | undefined => {
    const found = unwritten.get(pathKey(path));
    return found?.raw === raw ? found.typed : undefined;
  };
  const isShown = ([key, { raw }]: readonly [string, Unwritten]) => rawAt(nodeAt(event?.root, key)) === raw;
  const obstacle =
    event !== undefined && [...unwritten].some(isShown) ? 'A field of the form is not a number' : undefined;
  const report = useRef(onObstacle);
  report.current = onObstacle;
  useEffect(() => {
    report.current(obstacle);
    return () => report.current(undefined);
  }, [obstacle]);
  if (event === undefined)
    return (
      <Callout
        tone="info"
        title="The event is not a JSON object"
        actions={
          <Button size="small" onClick={() => onChange(eventOf(schema))}>
            Begin with a new one
          </Button>
        }
      >
        The form can show it once it is one; the tab Text has it as it stands.
      </Callout>
    );
  const write = (changed: string) => {
    setUnwritten(new Map());
    onChange(changed);
  };
  const fields: EventFields = {
    rawAt,
    typedAt,
    violationAt: (path) => event.violations.get(pathKey(path)),
    set: (path, raw) => {
      setUnwritten((before) => without(before, pathKey(path)));
      onChange(withValue(text, path, raw));
    },
    remove: (path, focusNext) => {
      focus.current = focusNext;
      write(withoutValue(text, path));
    },
    add: (path, raw) => {
      focus.current = pathKey(path);
      write(withValue(text, path, raw));
    },
    type: (path, raw, typed) => setUnwritten((before) => new Map(before).set(pathKey(path), { raw, typed })),
  };
  const misfits = event.violations.size;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for all fields in it; the button Run does the same
    <div
      ref={form}
      className="flex flex-col gap-3"
      onKeyDown={(key) => {
        if (key.key !== 'Enter' || !(key.ctrlKey || key.metaKey)) return;
        key.preventDefault();
        onRun();
      }}
    >
      {schema.description !== undefined && <p className="text-sm text-muted">{schema.description}</p>}
      <ObjectFields schema={schema} path={[]} node={event.root} fields={fields} />
      <p role="status" className="text-xs text-muted">
        {misfits === 0
          ? 'The event fits the schema.'
          : `${misfits === 1 ? 'One place does' : `${misfits} places do`} not fit the schema. It can be sent all the same: calls are not checked.`}
      </p>
    </div>
  );
}

const nodeAt = (root: JsonNode | undefined, key: string): JsonNode | undefined =>
  (JSON.parse(key) as EventPath).reduce<JsonNode | undefined>(childOf, root);

function without<T>(map: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> {
  if (!map.has(key)) return map;
  const rest = new Map(map);
  rest.delete(key);
  return rest;
}
