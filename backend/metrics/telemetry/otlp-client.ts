import { PlatformError } from '../../../shared/errors.ts';

export interface OtlpClientOptions {
  /** The collector's base address; `/v1/traces` and `/v1/metrics` are appended. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Statuses after which the specification of OTLP/HTTP lets a client send the same again. */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const maxAnswerChars = 300;

/** Sends to a collector by OTLP/HTTP with JSON. */
export class OtlpClient {
  readonly #options: OtlpClientOptions;

  constructor(options: OtlpClientOptions) {
    this.#options = options;
  }

  /** Rejects with `unavailable`/`collector_away` when it may be tried again, `internal`/`collector_refused` when the collector will not have it. */
  async send(signal: 'traces' | 'metrics', body: object): Promise<void> {
    const { endpoint, headers, timeoutMs } = this.#options;
    const url = `${endpoint.replace(/\/+$/, '')}/v1/${signal}`;
    let response: Response;
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'error',
      });
    } catch (error) {
      throw new PlatformError(
        'unavailable',
        'collector_away',
        `no collector answers at ${url}; check OTEL_EXPORTER_OTLP_ENDPOINT`,
        {
          cause: error,
        },
      );
    }
    const answer = (await response.text().catch(() => '')).slice(0, maxAnswerChars);
    if (response.ok) return;
    const message = `the collector at ${url} answered ${response.status}: ${answer}`;
    throw retryable.has(response.status)
      ? new PlatformError('unavailable', 'collector_away', message)
      : new PlatformError('internal', 'collector_refused', message);
  }
}
