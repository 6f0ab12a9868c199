import type { EgressRefusalList } from '../../shared/api/egress.ts';
import type { ErrorGroup } from '../../shared/api/error-groups.ts';
import type {
  Alias,
  CanaryAbort,
  CreateDraft,
  CreatedDraft,
  Deployment,
  FunctionDocument,
  PutAlias,
  Schedule,
  ScheduleInput,
  UpdateFunction,
  VersionDocument,
  VersionFiles,
} from '../../shared/api/functions.ts';
import type {
  Accepted,
  DeadLetter,
  InvocationDetail,
  InvocationPage,
  LogLine,
  Redriven,
} from '../../shared/api/invocations.ts';
import type { GaugeSeries, Histogram, Metrics } from '../../shared/api/metrics.ts';
import type {
  CreatedToken,
  CreateToken,
  DriverDocument,
  Pools,
  Pulls,
  SystemDocument,
  TokenDocument,
} from '../../shared/api/system.ts';
import { draftPath, functionPath, root, segment } from './api-paths.ts';
import type { ApiClient, QueryValues } from './client.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** A document with the ETag that an update sends back as `If-Match`. */
export type Tagged<T> = T & { readonly etag: string | null };

/** What an update sends: schedules may leave out what has a default. */
export type FunctionChange = Omit<UpdateFunction, 'schedules'> & { readonly schedules?: readonly ScheduleInput[] };

/** What a synchronous test call answered. */
export interface InvokeAnswer {
  readonly status: number;
  readonly invocationId: string | undefined;
  readonly contentType: string;
  readonly body: string;
}

const ifMatch = (etag: string | null): { headers?: Record<string, string> } =>
  etag === null ? {} : { headers: { 'if-match': etag } };
const withSignal = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });

export const apiPaths = {
  /** The one stream of this tab, with its topics; with `forMs` an answer that ends after so long. */
  events: (topics: readonly string[], forMs?: number) => {
    const query = new URLSearchParams(topics.map((topic): [string, string] => ['topic', topic]));
    if (forMs !== undefined) query.set('forMs', String(forMs));
    return `${root}/events?${query}`;
  },
  eventTopics: (stream: string) => `${root}/events/${segment(stream)}/topics`,
  /** Of one function, or of all. */
  logs: (name: string | undefined) => (name === undefined ? `${root}/logs` : `${functionPath(name)}/logs`),
} as const;

/** The control API, one method per thing that the dashboard does. Every method rejects with ApiError. */
export class Api {
  readonly client: ApiClient;

  constructor(options: { readonly client: ApiClient }) {
    this.client = options.client;
  }

  #get<T>(path: string, query?: QueryValues, signal?: AbortSignal): Promise<T> {
    return this.client.json<T>('GET', path, { ...(query === undefined ? {} : { query }), ...withSignal(signal) });
  }

  functions(query: { search?: string; cursor?: string; limit?: number }, signal?: AbortSignal) {
    return this.#get<Page<FunctionDocument>>(`${root}/functions`, { ...query, stats: 1 }, signal);
  }

  async function(name: string, signal?: AbortSignal): Promise<Tagged<FunctionDocument>> {
    const response = await this.client.send('GET', functionPath(name), {
      query: { stats: 1 },
      ...withSignal(signal),
    });
    const document = (await response.json()) as FunctionDocument;
    return { ...document, etag: response.headers.get('etag') };
  }

  updateFunction(name: string, body: FunctionChange, etag: string | null): Promise<FunctionDocument> {
    return this.client.json('PATCH', functionPath(name), { body, ...ifMatch(etag) });
  }

  deleteFunction(name: string): Promise<void> {
    return this.client.json('DELETE', functionPath(name));
  }

  versions(name: string, cursor?: string, signal?: AbortSignal) {
    return this.#get<Page<VersionDocument>>(`${functionPath(name)}/versions`, { cursor, limit: 50 }, signal);
  }

  version(name: string, version: number, signal?: AbortSignal): Promise<VersionDocument> {
    return this.#get(`${functionPath(name)}/versions/${version}`, undefined, signal);
  }

  versionFiles(name: string, version: number, signal?: AbortSignal): Promise<VersionFiles> {
    return this.#get(`${functionPath(name)}/versions/${version}/files`, undefined, signal);
  }

  deployments(query: QueryValues, signal?: AbortSignal) {
    return this.#get<{ readonly items: readonly Deployment[]; readonly isComplete: boolean }>(
      `${root}/deployments`,
      query,
      signal,
    );
  }

  canaryAborts(query: QueryValues, signal?: AbortSignal) {
    return this.#get<{ readonly items: readonly CanaryAbort[] }>(`${root}/canary-aborts`, query, signal);
  }

  aliases(name: string, signal?: AbortSignal): Promise<Page<Alias>> {
    return this.#get(`${functionPath(name)}/aliases`, undefined, signal);
  }

  putAlias(name: string, alias: string, body: PutAlias): Promise<Alias> {
    return this.client.json('PUT', `${functionPath(name)}/aliases/${segment(alias)}`, { body });
  }

  /** Of one function, or of all. */
  schedules(name: string | undefined, signal?: AbortSignal, cursor?: string): Promise<Page<Schedule>> {
    return this.#get(`${root}/schedules`, { function: name, limit: 200, cursor }, signal);
  }

  runSchedule(id: string): Promise<Accepted> {
    return this.client.json('POST', `${root}/schedules/${segment(id)}/run`);
  }

  /** Calls the function with an event, which is sent as it was written. A failing function is a rejection with `thrown`, like every other failure. */
  async invoke(
    name: string,
    eventText: string,
    target: { readonly qualifier: string } | { readonly draft: string },
    signal: AbortSignal,
  ): Promise<InvokeAnswer> {
    const isDraft = 'draft' in target;
    const path = isDraft ? draftPath(name, target.draft) : functionPath(name);
    const response = await this.client.send('POST', `${path}/invocations`, {
      ...(isDraft ? {} : { query: { qualifier: target.qualifier } }),
      json: eventText,
      signal,
    });
    return {
      status: response.status,
      invocationId: response.headers.get('hearth-invocation-id') ?? undefined,
      contentType: response.headers.get('content-type') ?? '',
      body: await response.text(),
    };
  }

  invokeAsync(name: string, eventText: string, qualifier: string): Promise<Accepted> {
    return this.client.json('POST', `${functionPath(name)}/invocations`, {
      query: { mode: 'async', qualifier },
      json: eventText,
    });
  }

  invocations(query: QueryValues, signal?: AbortSignal): Promise<InvocationPage> {
    return this.#get(`${root}/invocations`, query, signal);
  }

  invocation(id: string, signal?: AbortSignal): Promise<InvocationDetail> {
    return this.#get(`${root}/invocations/${segment(id)}`, undefined, signal);
  }

  replay(id: string): Promise<Accepted> {
    return this.client.json('POST', `${root}/invocations/${segment(id)}/replay`);
  }

  cancel(id: string): Promise<void> {
    return this.client.json('DELETE', `${root}/invocations/${segment(id)}`);
  }

  logs(
    name: string | undefined,
    query: QueryValues,
    signal?: AbortSignal,
  ): Promise<Page<LogLine> & { readonly before: string | null }> {
    return this.#get(apiPaths.logs(name), query, signal);
  }

  egressRefusals(name: string, signal?: AbortSignal): Promise<EgressRefusalList> {
    return this.#get(`${root}/functions/${segment(name)}/egress-refusals`, undefined, signal);
  }

  errorGroups(query: QueryValues, signal?: AbortSignal): Promise<Page<ErrorGroup>> {
    return this.#get(`${root}/errors`, query, signal);
  }

  errorGroup(id: string, signal?: AbortSignal): Promise<ErrorGroup> {
    return this.#get(`${root}/errors/${segment(id)}`, undefined, signal);
  }

  setErrorState(id: string, state: ErrorGroup['state']): Promise<ErrorGroup> {
    return this.client.json('PATCH', `${root}/errors/${segment(id)}`, { body: { state } });
  }

  deadLetters(query: QueryValues, signal?: AbortSignal): Promise<Page<DeadLetter>> {
    return this.#get(`${root}/dead-letters`, query, signal);
  }

  redrive(id: string): Promise<Accepted> {
    return this.client.json('POST', `${root}/dead-letters/${segment(id)}/redrive`);
  }

  /** Some of what a function has; `isComplete` says whether that was all. */
  redriveAll(functionName: string): Promise<Redriven> {
    return this.client.json('POST', `${root}/dead-letters/redrive`, { body: { function: functionName } });
  }

  discardDeadLetter(id: string): Promise<void> {
    return this.client.json('DELETE', `${root}/dead-letters/${segment(id)}`);
  }

  metrics(query: QueryValues, signal?: AbortSignal): Promise<Metrics> {
    return this.#get(`${root}/metrics`, query, signal);
  }

  histogram(query: QueryValues, signal?: AbortSignal): Promise<Histogram> {
    return this.#get(`${root}/metrics/histogram`, query, signal);
  }

  gauges(query: QueryValues, signal?: AbortSignal): Promise<GaugeSeries> {
    return this.#get(`${root}/metrics/gauges`, query, signal);
  }

  system(signal?: AbortSignal): Promise<SystemDocument> {
    return this.#get(`${root}/system`, undefined, signal);
  }

  /** Images that the platform pulls now. */
  pulls(signal?: AbortSignal): Promise<Pulls> {
    return this.#get(`${root}/system/pulls`, undefined, signal);
  }

  pools(signal?: AbortSignal): Promise<Pools> {
    return this.#get(`${root}/system/pools`, undefined, signal);
  }

  /** Starts and calls an echo at this isolation level; resolves with what is known of the level then. */
  measureDriver(name: string): Promise<DriverDocument> {
    return this.client.json('POST', `${root}/system/drivers/${segment(name)}/measurement`);
  }

  tokens(query: QueryValues, signal?: AbortSignal): Promise<Page<TokenDocument>> {
    return this.#get(`${root}/tokens`, { ...query, limit: 50 }, signal);
  }

  createToken(body: CreateToken): Promise<CreatedToken> {
    return this.client.json('POST', `${root}/tokens`, { body });
  }

  revokeToken(id: string): Promise<void> {
    return this.client.json('DELETE', `${root}/tokens/${segment(id)}`);
  }
}

/** Builds what is in an editor, to be called before it is deployed. Beside the class, as only the editor needs it. */
export const newDraft = (api: Api, name: string, body: CreateDraft): Promise<CreatedDraft> =>
  api.client.json('POST', `${functionPath(name)}/drafts`, { body });
export const removeDraft = (api: Api, name: string, draft: string): Promise<void> =>
  api.client.json('DELETE', draftPath(name, draft));
