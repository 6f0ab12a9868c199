import type { z } from 'zod';
import { type Problem, problemSchema } from '../shared/api/paging.ts';
import { clientHeader } from '../shared/build-states.ts';
import { CliError, exitCodeOfStatus, exitCodes } from './exit-codes.ts';
import type { Profile } from './profile.ts';

export interface RequestOptions {
  readonly method?: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer> | FormData;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Statuses of refusals that are answers too. */
  readonly accepts?: readonly number[];
  /** Sees the answer before it is read, a refusal too. */
  readonly onResponse?: (response: Response) => void;
}

/** The public API and nothing else; every failure becomes a CliError with the exit status that docs/cli.md promises. */
export class ApiClient {
  readonly #profile: Profile;

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  get url(): string {
    return this.#profile.url;
  }

  /** Parses the answer with its schema; an answer of another shape means another version of the platform. */
  async get<T extends z.ZodType>(path: string, schema: T, query?: RequestOptions['query']): Promise<z.output<T>> {
    return this.#parse(await this.request(path, query === undefined ? {} : { query }), schema);
  }

  async send<T extends z.ZodType>(
    method: string,
    path: string,
    schema: T,
    options: RequestOptions = {},
  ): Promise<z.output<T>> {
    return this.#parse(await this.request(path, { ...options, method }), schema);
  }

  /** Any request; resolves for statuses below 400, and those that are accepted. */
  async request(path: string, options: RequestOptions = {}): Promise<Response> {
    const address = `${this.#profile.url}${path}`;
    if (!/^https?:/.test(address) || !URL.canParse(address)) {
      throw new CliError(exitCodes.usage, `${this.#profile.url} is not an address of Hearth`, {
        hint: 'Set HEARTH_URL to one such as http://127.0.0.1:3000',
      });
    }
    const url = new URL(address);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = {
      accept: 'application/json',
      [clientHeader]: this.#profile.isCi ? 'ci' : 'cli',
      ...options.headers,
    };
    if (this.#profile.token !== undefined) headers['authorization'] = `Bearer ${this.#profile.token}`;
    if (this.#profile.project !== undefined) headers['hearth-project'] ??= this.#profile.project;
    let body = options.body;
    if (options.json !== undefined) {
      headers['content-type'] = 'application/json';
      body = JSON.stringify(options.json);
    }
    let response: Response;
    try {
      response = await fetch(url, {
        method: options.method ?? 'GET',
        headers,
        ...(body === undefined ? {} : { body }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
    } catch (error) {
      if (options.signal?.aborted === true) throw error;
      throw new CliError(exitCodes.unavailable, `cannot reach Hearth at ${this.#profile.url}: ${reasonOf(error)}`, {
        hint: 'Is it running (npm start)? Another address: set HEARTH_URL or run `hearth login --url …`.',
      });
    }
    options.onResponse?.(response);
    if (response.status >= 400 && options.accepts?.includes(response.status) !== true)
      throw await this.#failure(response, functionIn(url.pathname));
    return response;
  }

  async #parse<T extends z.ZodType>(response: Response, schema: T): Promise<z.output<T>> {
    const parsed = schema.safeParse(await response.json());
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new CliError(
      exitCodes.failure,
      `the platform's answer is not what this version of the CLI expects (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`,
      {
        hint: 'Use the CLI that came with the platform.',
      },
    );
  }

  async #failure(response: Response, functionName: string | undefined): Promise<CliError> {
    const text = await response.text();
    let problem: Problem | undefined;
    try {
      problem = problemSchema.parse(JSON.parse(text));
    } catch {
      problem = undefined;
    }
    const exitCode = exitCodeOfStatus(response.status, problem?.code ?? '');
    if (problem === undefined)
      return new CliError(exitCode, `${response.status} ${response.statusText}: ${text.slice(0, 200)}`);
    const details = (problem.errors ?? []).map((issue) => `\n  ${issue.path}: ${issue.message}`).join('');
    const log = (problem.buildLog ?? []).map((line) => `\n  | ${line}`).join('');
    const thrown =
      problem.error === undefined
        ? ''
        : `\n${problem.error.stack ?? `${problem.error.type}: ${problem.error.message}`}`;
    const hint = hintFor(response, this.#profile);
    return new CliError(exitCode, `${problem.detail}${details}${log}${thrown}`, {
      problem,
      functionName,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** The function that a path of the API is about. */
function functionIn(path: string): string | undefined {
  const name = /^\/api\/v1\/functions\/([^/]+)/.exec(path)?.[1];
  return name === undefined ? undefined : decodeURIComponent(name);
}

function hintFor(response: Response, profile: Profile): string | undefined {
  if (response.status === 401)
    return profile.token === undefined
      ? 'Run `hearth login` or set HEARTH_TOKEN.'
      : 'The token was not accepted; run `hearth login` again.';
  const retryAfter = response.headers.get('retry-after');
  return retryAfter === null ? undefined : `Try again in ${retryAfter} s.`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? reasonOf(cause) : error.message;
}
