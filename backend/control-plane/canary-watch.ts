import { faultOfCanary, type VersionCalls } from '../core/policies/canary.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { MetricsReader } from '../core/ports/metrics-reader.ts';
import type { AliasRecord } from '../core/ports/store.ts';
import type { Aliases } from './aliases.ts';
import type { FunctionEntry, InMemoryFunctionDirectory } from './function-directory.ts';
import { Repetition } from './repetition.ts';

export interface CanaryWatchOptions {
  readonly directory: Pick<InMemoryFunctionDirectory, 'entries'>;
  readonly aliases: Pick<Aliases, 'abortCanary'>;
  readonly metrics: Pick<MetricsReader, 'series'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly intervalMs: number;
}

/** Compares guarded canaries with their stable versions, again and again, and takes the traffic back from one that fails more, or is slower than its guard allows. */
export class CanaryWatch {
  readonly #options: CanaryWatchOptions;
  readonly #looks: Repetition;

  constructor(options: CanaryWatchOptions) {
    this.#options = options;
    const { clock, intervalMs } = options;
    this.#looks = new Repetition({ clock, intervalMs, work: () => this.#lookAtAll() });
  }

  start(): void {
    this.#looks.start();
  }

  async close(): Promise<void> {
    await this.#looks.close();
  }

  /** One look at all guarded aliases; never rejects. */
  async #lookAtAll(): Promise<void> {
    const { directory, logger } = this.#options;
    for (const entry of [...directory.entries()]) {
      for (const alias of entry.aliases.values()) {
        if (alias.canary === undefined) continue;
        try {
          await this.#lookAt(entry, alias, alias.canary);
        } catch (error) {
          const { name: functionName } = entry.record;
          logger.warn({ err: error, functionName, alias: alias.name }, 'a canary was not looked at; it is tried again');
        }
      }
    }
  }

  async #lookAt(entry: FunctionEntry, alias: AliasRecord, guard: NonNullable<AliasRecord['canary']>): Promise<void> {
    const { aliases, clock, logger } = this.#options;
    // Calls from before the alias was moved say nothing of this canary.
    const from = Math.max(alias.updatedAt, clock.now() - guard.windowMs);
    const stable = await this.#calls(entry, guard.stable, from);
    for (const { version } of alias.versions) {
      if (version === guard.stable) continue;
      const fault = faultOfCanary(await this.#calls(entry, version, from), stable, guard);
      if (fault === undefined) continue;
      const reason = `version ${version}: ${fault} of version ${guard.stable}`;
      await aliases.abortCanary(entry.record.name, alias, { version, stable: guard.stable, reason });
      logger.warn({ functionName: entry.record.name, alias: alias.name, reason }, 'a canary was taken back');
      return;
    }
  }

  async #calls(entry: FunctionEntry, version: number, from: number): Promise<VersionCalls> {
    const { metrics, clock } = this.#options;
    const functionId = entry.record.id;
    const { total } = await metrics.series({ functionId, version, from, to: clock.now(), stepMs: undefined });
    return {
      invocations: total?.invocations ?? 0,
      errors: total?.errors ?? 0,
      p95Ms: total?.handlerMs?.p95,
    };
  }
}
