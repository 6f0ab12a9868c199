import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { useApi } from '../api/context.tsx';
import { processServerError } from '../api/server-error.ts';
import { testEventsApi, testEventsQuery } from '../api/test-events.ts';
import { Button } from '../ui/button.tsx';
import { Callout } from '../ui/callout.tsx';
import {
  type BrowserEvent,
  browserEvents,
  type PrivateEvents,
  type TakenOver,
  takeOverEvents,
} from '../util/browser-events.ts';

export interface BrowserEventsState {
  /** What is only in this browser. */
  readonly events: readonly BrowserEvent[];
  /** Undefined: there was nothing to bring, or somebody has read it. */
  readonly outcome: TakenOver | undefined;
  readonly isBusy: boolean;
  readonly renew: () => void;
  readonly tryAgain: () => void;
  readonly dismiss: () => void;
}

/** Per function, so that a page that is shown twice at once, or mounted twice, brings them once. */
const running = new Map<string, Promise<TakenOver>>();

function bring(functionName: string, events: PrivateEvents): Promise<TakenOver> {
  const started =
    running.get(functionName) ??
    takeOverEvents(localStorage, functionName, events, (error) => processServerError(error).message).finally(() =>
      running.delete(functionName),
    );
  running.set(functionName, started);
  return started;
}

/** Brings what this browser still holds of a function's events to the platform, as soon as it is shown. */
export function useBrowserEvents(functionName: string): BrowserEventsState {
  const api = useApi();
  const queryClient = useQueryClient();
  const [events, setEvents] = useState(() => browserEvents(localStorage, functionName));
  const [outcome, setOutcome] = useState<TakenOver>();
  const [isBusy, setIsBusy] = useState(false);
  const renew = useCallback(() => setEvents(browserEvents(localStorage, functionName)), [functionName]);
  const tryAgain = useCallback(() => {
    if (browserEvents(localStorage, functionName).length === 0) return;
    setIsBusy(true);
    const named = (name: string) => ({ visibility: 'private' as const, name });
    bring(functionName, {
      names: async () =>
        (await testEventsApi.list(api, functionName))
          .filter(({ visibility }) => visibility === 'private')
          .map(({ name }) => name),
      text: (name) => testEventsApi.text(api, functionName, named(name)),
      put: async (name, text) => void (await testEventsApi.put(api, functionName, named(name), text)),
    })
      .then(async (done) => {
        setOutcome(done);
        await queryClient.invalidateQueries({ queryKey: testEventsQuery(api, functionName).queryKey });
      })
      .finally(() => {
        renew();
        setIsBusy(false);
      })
      .catch(() => undefined);
  }, [api, functionName, queryClient, renew]);
  useEffect(tryAgain, [tryAgain]);
  return { events, outcome, isBusy, renew, tryAgain, dismiss: () => setOutcome(undefined) };
}

const count = (many: number): string => (many === 1 ? '1 event' : `${many} events`);

/** What became of the events of this browser; nothing where there were none. */
export function BrowserEventsNotice({ events, outcome, isBusy, tryAgain, dismiss }: BrowserEventsState) {
  const taken = outcome?.taken ?? [];
  const left = (outcome?.left ?? []).filter(({ name }) => events.some((item) => item.name === name));
  const renamed = taken.filter(({ from, name }) => from !== name);
  return (
    <div role="status" className={taken.length + left.length === 0 ? '' : 'flex basis-full flex-col gap-2'}>
      {taken.length > 0 && (
        <Callout
          tone="ok"
          title={`${count(taken.length)} of this browser ${taken.length === 1 ? 'is' : 'are'} kept by the platform now`}
          actions={
            left.length === 0 && (
              <Button size="small" onClick={dismiss}>
                Got it
              </Button>
            )
          }
        >
          <p>
            You find {taken.length === 1 ? 'it' : 'them'} in any browser and with <code>hearth event</code>; nobody else
            sees {taken.length === 1 ? 'it' : 'them'}.
          </p>
          {renamed.map(({ from, name }) => (
            <p key={from}>
              {from} is called {name} now.
            </p>
          ))}
        </Callout>
      )}
      {left.length > 0 && (
        <Callout
          tone="warn"
          title={`${count(left.length)} ${left.length === 1 ? 'is' : 'are'} still only in this browser`}
          actions={
            <div className="flex flex-wrap gap-2">
              <Button size="small" isBusy={isBusy} onClick={tryAgain}>
                Try again
              </Button>
              <Button size="small" tone="ghost" onClick={dismiss}>
                Not now
              </Button>
            </div>
          }
        >
          <ul>
            {left.map(({ name, reason }) => (
              <li key={name}>
                {name}: {reason}
              </li>
            ))}
          </ul>
        </Callout>
      )}
    </div>
  );
}
