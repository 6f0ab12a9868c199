import { queryOptions } from '@tanstack/react-query';
import type { TestEvent } from '../../shared/api/test-events.ts';
import { httpMessageContentType } from '../../shared/http-message-type.ts';
import type { TestEventKind, TestEventVisibility } from '../../shared/test-events.ts';
import type { Api, Page } from './api.ts';
import { functionPath } from './api-paths.ts';

export interface TestEventName {
  readonly visibility: TestEventVisibility;
  readonly name: string;
}

const root = (functionName: string) => `${functionPath(functionName)}/test-events`;
const path = (functionName: string, { visibility, name }: TestEventName) =>
  `${root(functionName)}/${visibility}/${encodeURIComponent(name)}`;

/** Events that the platform keeps to call a function with. Text goes both ways as it is. Every call rejects with ApiError. */
export const testEventsApi = {
  /** Those of the project, and of whoever asks. All: there are no more of both together than one page holds. */
  list: async (api: Api, functionName: string, signal?: AbortSignal): Promise<readonly TestEvent[]> => {
    const query = { limit: 200 };
    const options = signal === undefined ? { query } : { query, signal };
    return (await api.client.json<Page<TestEvent>>('GET', root(functionName), options)).items;
  },
  /** Rejects with TypeError for a request whose body is no text. */
  text: async (api: Api, functionName: string, event: TestEventName): Promise<string> => {
    const bytes = await (await api.client.send('GET', path(functionName, event))).arrayBuffer();
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  },
  /** Over the one of that name, if there is one. `keepsCredentials`: also headers that hold some, where others see them. */
  put: (
    api: Api,
    functionName: string,
    event: TestEventName,
    text: string,
    { kind = 'event', keepsCredentials = false }: { kind?: TestEventKind; keepsCredentials?: boolean } = {},
  ): Promise<TestEvent> =>
    api.client.json('PUT', path(functionName, event), {
      json: text,
      ...(keepsCredentials ? { query: { credentials: 'keep' } } : {}),
      ...(kind === 'request' ? { headers: { 'content-type': httpMessageContentType } } : {}),
    }),
  remove: (api: Api, functionName: string, event: TestEventName): Promise<void> =>
    api.client.json('DELETE', path(functionName, event)),
} as const;

const testEventsKey = (functionName: string) => ['test-events', functionName] as const;

export const testEventsQuery = (api: Api, functionName: string) =>
  queryOptions({
    queryKey: testEventsKey(functionName),
    queryFn: ({ signal }) => testEventsApi.list(api, functionName, signal),
  });
