import type { Problem } from '../../shared/api/paging.ts';
import { ApiError } from './server-error.ts';
import type { Session } from './session.ts';

export type QueryValues = Readonly<Record<string, string | number | boolean | undefined>>;

export interface RequestOptions {
  readonly query?: QueryValues;
  readonly body?: unknown;
  /** In place of `body`: JSON that goes out as it was written, to the byte; text of another type where `headers` say so. */
  readonly json?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface ClientOptions {
  readonly session: Session;
  /** Where the API is; empty for the origin that served the dashboard. */
  readonly baseUrl: string;
  readonly fetch: typeof globalThis.fetch;
}

/** `path?a=1&b=2` without the values that are undefined or empty. */
export function withQuery(path: string, query: QueryValues | undefined): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== '') params.set(key, String(value));
  }
  const text = params.toString();
  return text === '' ? path : `${path}?${text}`;
}

function isProblem(value: unknown): value is Problem {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    typeof value.code === 'string' &&
    'detail' in value
  );
}

async function readProblem(response: Response): Promise<Problem | undefined> {
  try {
    const body: unknown = await response.json();
    return isProblem(body) ? body : undefined;
  } catch {
    // A proxy in between may answer with anything; the status has to do.
    return undefined;
  }
}

/** Talks to the control API with the session's token. A 401 ends the session. */
export class ApiClient {
  readonly #session: Session;
  readonly #baseUrl: string;
  readonly #fetch: typeof globalThis.fetch;

  constructor(options: ClientOptions) {
    this.#session = options.session;
    this.#baseUrl = options.baseUrl;
    this.#fetch = options.fetch;
  }

  /** The raw answer, once it is a success; rejects with ApiError otherwise, with TypeError when nothing answered. */
  async send(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const headers = new Headers(options.headers);
    const token = this.#session.token;
    if (token !== undefined && !headers.has('authorization')) headers.set('authorization', `Bearer ${token}`);
    const { project } = this.#session;
    if (project !== undefined && !headers.has('hearth-project')) headers.set('hearth-project', project);
    const init: RequestInit = { method, headers, credentials: 'omit', cache: 'no-store' };
    if (options.signal !== undefined) init.signal = options.signal;
    const sent = options.json ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    if (sent !== undefined) {
      if (!headers.has('content-type')) headers.set('content-type', 'application/json');
      init.body = sent;
    }
    const response = await this.#fetch.call(globalThis, this.#baseUrl + withQuery(path, options.query), init);
    if (response.ok) return response;
    const problem = await readProblem(response);
    // The project was deleted, or its role taken away: back to that of the token instead of an error on every page.
    const isOfShown = project !== undefined && headers.get('hearth-project') === project;
    if (problem?.code === 'project_not_found' && isOfShown && project === this.#session.project)
      this.#session.showProject(undefined);
    // Only when the token that was refused is still the present one: an old request must not end a new session.
    if (response.status === 401 && token === this.#session.token) this.#session.signOut(true);
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
    throw new ApiError(response.status, problem, Number.isFinite(retryAfter) ? { retryAfterSeconds: retryAfter } : {});
  }

  /** The JSON body of a successful answer. The caller names the schema's type; the platform validates what it sends. */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const response = await this.send(method, path, options);
    if (response.status === 204) return undefined as T;
    return (await response.json()) as T;
  }
}
