import { lazy, Suspense, useState } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import type { ObjectSchema } from '../../shared/event-schema.ts';
import type { TestEventKind } from '../../shared/test-events.ts';
import { eventOf } from '../forms/event-values.ts';
import { answersHttp } from '../forms/test-kind.ts';
import type { DraftTarget } from '../forms/use-draft.ts';
import { Card } from '../ui/card.tsx';
import { Skeleton } from '../ui/spinner.tsx';
import { EventTest } from './event-test.tsx';

const RequestTest = lazy(() => import('./request-test.tsx').then((module) => ({ default: module.RequestTest })));

/** What the last test of this tab sent; for the tab only, as it may hold what nobody else shall see. */
const remembered = (key: string) => sessionStorage.getItem(`hearth.${key}`) ?? undefined;

function remember(key: string, value: string): void {
  try {
    sessionStorage.setItem(`hearth.${key}`, value);
  } catch {
    // The storage is full: it is only not remembered.
  }
}

/** What tests of both kinds are given. */
export interface KindOfTestProps {
  readonly functionName: string;
  readonly content: string;
  readonly onContent: (content: string) => void;
  /** It is sent just now. */
  readonly onSent: (content: string) => void;
  readonly onKind: (kind: TestEventKind) => void;
  /** What is in the editor beside it; undefined where there is none. */
  readonly draft: DraftTarget | undefined;
  /** Called with a function that starts the test, for the shortcut in the other editor. */
  readonly onReady: (run: () => void) => void;
}

export interface TestPanelProps extends Pick<KindOfTestProps, 'draft' | 'onReady'> {
  readonly fn: Pick<FunctionDocument, 'name' | 'url' | 'routes'>;
  /** Where the version does not say what an event is. */
  readonly firstEvent: string;
  /** What the version says of its event. */
  readonly inputSchema: ObjectSchema | undefined;
  /** Of the code, to see whether it answers HTTP. */
  readonly sources: readonly string[];
}

/** Calls the version that is live, or the draft, with an event or an HTTP request, and shows what came of it: result, logs, where the time went. */
export function TestPanel({ fn, firstEvent, inputSchema, sources, draft, onReady }: TestPanelProps) {
  const keys = { event: `event.${fn.name}`, request: `request.${fn.name}`, kind: `test.${fn.name}` };
  const [kind, setKind] = useState<TestEventKind>(() => {
    const answers = inputSchema === undefined && answersHttp(fn.routes, sources);
    return (remembered(keys.kind) ?? (answers ? 'request' : 'event')) === 'request' ? 'request' : 'event';
  });
  const [event, setEvent] = useState(
    () => remembered(keys.event) ?? (inputSchema === undefined ? firstEvent : eventOf(inputSchema)),
  );
  const [request, setRequest] = useState(() => remembered(keys.request) ?? '');
  const both = {
    functionName: fn.name,
    draft,
    onReady,
    onKind: (chosen: TestEventKind) => {
      remember(keys.kind, chosen);
      setKind(chosen);
    },
  };
  if (kind === 'event')
    return (
      <EventTest
        {...both}
        content={event}
        onContent={setEvent}
        onSent={(sent) => remember(keys.event, sent)}
        inputSchema={inputSchema}
      />
    );
  return (
    <Suspense
      fallback={
        <Card title="Test">
          <Skeleton lines={8} label="Loading the editor of requests" />
        </Card>
      }
    >
      <RequestTest
        {...both}
        fn={fn}
        content={request}
        onContent={setRequest}
        onSent={(sent) => remember(keys.request, sent)}
      />
    </Suspense>
  );
}
