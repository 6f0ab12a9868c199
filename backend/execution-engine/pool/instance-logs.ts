import type { InvocationId } from '../../../shared/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogEntry, LogSink } from '../../core/ports/log-sink.ts';
import type { OutputLine } from '../../core/ports/sandbox.ts';
import type { OpenedSecrets } from '../../core/ports/secrets.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { AgentLog } from './agent-link.ts';

export interface InstanceLogsOptions {
  readonly sink: LogSink;
  readonly clock: Clock;
  readonly version: VersionSpec;
  readonly instanceId: LogEntry['instanceId'];
  /** Of raw output; the agent's own frames are bounded by the protocol. */
  readonly maxBytesPerInvocation: number;
  /** Every line goes through it. */
  readonly redact: OpenedSecrets['redact'];
}

/** Output that belongs to no invocation is bounded per this long. */
const unattributedWindowMs = 10_000;

/** Gives what an instance prints to the log sink, with the call it belongs to. Raw output is bounded per invocation. */
export class InstanceLogs {
  readonly #options: InstanceLogsOptions;
  /** The budget of the call (or of the time without one) that printed last; with one call at a time there is no other. */
  #owner: InvocationId | undefined;
  #ownerSince = 0;
  #bytes = 0;
  #isCut = false;

  constructor(options: InstanceLogsOptions) {
    this.#options = options;
  }

  /** An entry from the agent, which knows its call. */
  append(entry: AgentLog): void {
    this.#write(entry.invocationId, entry.level, entry.stream, this.#clean(entry.text, entry.isTruncated));
  }

  /** A raw line; `invocationId` is the only one in flight, if there is exactly one. */
  appendRaw(line: OutputLine, invocationId: InvocationId | undefined): void {
    this.#turnTo(invocationId);
    if (this.#isCut) return;
    this.#bytes += Buffer.byteLength(line.text) + 1;
    if (this.#bytes > this.#options.maxBytesPerInvocation) {
      this.#isCut = true;
      const text = `[output over ${this.#options.maxBytesPerInvocation} bytes was dropped]`;
      this.#write(invocationId, 'warn', 'platform', text);
      return;
    }
    const level = line.stream === 'stderr' ? 'error' : 'info';
    this.#write(invocationId, level, line.stream, this.#clean(line.text, line.truncated));
  }

  /** What the platform has to say about this instance. */
  note(text: string): void {
    this.#write(undefined, 'warn', 'platform', this.#options.redact(text));
  }

  #clean(text: string, isCut: boolean): string {
    const clean = this.#options.redact(text, isCut);
    return isCut ? `${clean} [cut]` : clean;
  }

  #turnTo(owner: InvocationId | undefined): void {
    const now = this.#options.clock.monotonic();
    const isNewWindow = owner === undefined && now - this.#ownerSince > unattributedWindowMs;
    if (owner === this.#owner && !isNewWindow) return;
    this.#owner = owner;
    this.#ownerSince = now;
    this.#bytes = 0;
    this.#isCut = false;
  }

  #write(
    invocationId: InvocationId | undefined,
    level: LogEntry['level'],
    stream: LogEntry['stream'],
    text: string,
  ): void {
    const { version, sink, clock, instanceId } = this.#options;
    sink.append({
      at: clock.now(),
      functionId: version.functionId,
      functionName: version.functionName,
      version: version.version,
      invocationId,
      instanceId,
      level,
      stream,
      text,
    });
  }
}
