import type { LogEntry } from '../../core/ports/log-sink.ts';

/** Versions told apart; losses of more are in the total of the hub alone. */
const maxVersions = 256;

/** Counts lines that were lost, per version, until there is room to say so in the log itself. */
export class LostLines {
  #counts = new Map<string, { readonly of: LogEntry; count: number }>();

  add(line: LogEntry): void {
    const key = `${line.functionId}/${line.version}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.count++;
    else if (this.#counts.size < maxVersions) this.#counts.set(key, { of: line, count: 1 });
  }

  /** One line per version that lost some; the counts start over. */
  take(now: number): readonly LogEntry[] {
    if (this.#counts.size === 0) return [];
    const lost = [...this.#counts.values()];
    this.#counts = new Map();
    return lost.map(({ of, count }) => ({
      at: now,
      functionId: of.functionId,
      functionName: of.functionName,
      version: of.version,
      invocationId: undefined,
      instanceId: undefined,
      level: 'warn',
      stream: 'platform',
      text: `${count} log ${count === 1 ? 'line was' : 'lines were'} dropped: they came faster than the store could take them`,
    }));
  }
}
