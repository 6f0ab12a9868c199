/** What the host sends, docs/protocol.md. */
export interface InitMessage {
  readonly functionName: string;
  readonly functionVersion: number;
  readonly handler: string;
  readonly codeDirectory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryLimitMb: number;
  readonly concurrency: number;
  readonly initTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly logLimitBytes: number;
  readonly logLineBytes: number;
  /** Connections out at the same time; 0 or nothing: there is no way out. */
  readonly maxTunnels?: number;
}

interface CommonMeta {
  readonly invocationId: string;
  readonly deadlineMs: number;
  readonly attempt: number;
  readonly trigger: string;
  readonly depth: number;
  readonly traceparent?: string;
  readonly callChain?: string;
  readonly bodyBytes?: number;
}
interface EventMeta extends CommonMeta {
  readonly kind: 'event';
}
export interface HttpMeta extends CommonMeta {
  readonly kind: 'http';
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly clientAddress: string;
  readonly scheme: string;
  readonly host: string;
  readonly params: Readonly<Record<string, string>>;
  readonly webSocket?: boolean;
}
export type InvokeMeta = EventMeta | HttpMeta;

export type CancelReason = 'deadline' | 'disconnected' | 'shutdown';
