import { lazy, Suspense, useState } from 'react';
import type { ObjectSchema } from '../../shared/event-schema.ts';
import { eventTemplates } from '../forms/event-templates.ts';
import { eventOf } from '../forms/event-values.ts';
import { CodeEditor } from '../ui/code-editor.tsx';
import { Select } from '../ui/field.tsx';
import { Skeleton } from '../ui/spinner.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { jsonError } from '../util/json-error.ts';
import { SavedEvents } from './saved-events.tsx';

const EventForm = lazy(() => import('../forms/event-form.tsx').then((module) => ({ default: module.EventForm })));

export interface EventEditorProps {
  readonly functionName: string;
  readonly event: string;
  readonly inputSchema: ObjectSchema | undefined;
  readonly onChange: (event: string) => void;
  readonly onRun: () => void;
  /** Why the event is not what the form shows, if it is not. */
  readonly onObstacle: (reason: string | undefined) => void;
}

const ofSchema = {
  id: 'schema',
  title: 'From the schema',
  note: 'The defaults of the schema, with the objects and lists that it requires.',
} as const;

/** The event of a test: its text, a form for it where the version says what an event is, templates, and events that were saved. */
export function EventEditor({ functionName, event, inputSchema, onChange, onRun, onObstacle }: EventEditorProps) {
  const [tab, setTab] = useState(inputSchema === undefined ? 'text' : 'form');
  const templates = [
    ...(inputSchema === undefined ? [] : [{ ...ofSchema, event: eventOf(inputSchema) }]),
    ...eventTemplates(functionName),
  ];
  const template = templates.find((item) => item.event === event);
  const wrong = jsonError(event);
  const text = (
    <CodeEditor
      label="Event as JSON"
      fileName="event.json"
      text={event}
      onChange={onChange}
      onRun={onRun}
      minHeight="7rem"
      maxHeight="16rem"
    />
  );
  return (
    <div>
      <div className="mb-1.5 flex flex-wrap items-center justify-between gap-2 text-sm">
        <span>
          <span className="font-medium">Event (JSON)</span> <span className="text-xs text-faint">Ctrl+Enter runs</span>
        </span>
        <Select
          aria-label="Event templates"
          className="min-w-32 max-w-56"
          value={template?.id ?? ''}
          options={[
            { value: '', label: 'Templates' },
            ...templates.map(({ id, title }) => ({ value: id, label: title })),
          ]}
          onChange={(change) => {
            const chosen = templates.find(({ id }) => id === change.target.value);
            if (chosen !== undefined) onChange(chosen.event);
          }}
        />
        <SavedEvents functionName={functionName} event={event} onChoose={onChange} />
      </div>
      {inputSchema === undefined ? (
        text
      ) : (
        <Tabs
          label="Event"
          value={tab}
          onChange={setTab}
          items={[
            { id: 'text', label: 'Text', content: text },
            {
              id: 'form',
              label: 'Form',
              content: (
                <Suspense fallback={<Skeleton lines={6} label="Loading the form" />}>
                  <EventForm
                    schema={inputSchema}
                    text={event}
                    onChange={onChange}
                    onRun={onRun}
                    onObstacle={onObstacle}
                  />
                </Suspense>
              ),
            },
          ]}
        />
      )}
      {wrong !== undefined && (
        <p role="alert" className="mt-1 text-xs text-danger">
          {wrong}
        </p>
      )}
      {template !== undefined && <p className="mt-1 text-xs text-muted">{template.note}</p>}
    </div>
  );
}
