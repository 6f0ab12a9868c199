import { Kysely } from 'kysely';
import { PlatformError } from '../../../shared/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { SqlSession, Step, StepResult } from '../sql-session.ts';
import type { Tables } from '../tables.ts';
import { type Template, TemplateCompiler } from '../template.ts';
import { type Lane, laneDialect, sqliteFlavour, type TransactionLane } from './dialect.ts';
import type { WorkerChannel } from './worker-channel.ts';

/** Both threads as one lane: reads do not wait for flushes, and a flush has happened before a write resolves. */
export class ThreadsLane implements Lane {
  readonly #writer: WorkerChannel;
  readonly #reader: WorkerChannel;
  readonly #clock: Clock;
  readonly #transactionTimeoutMs: number;

  constructor(options: {
    readonly writer: WorkerChannel;
    readonly reader: WorkerChannel;
    readonly clock: Clock;
    readonly transactionTimeoutMs: number;
  }) {
    this.#writer = options.writer;
    this.#reader = options.reader;
    this.#clock = options.clock;
    this.#transactionTimeoutMs = options.transactionTimeoutMs;
  }

  read(steps: readonly Step[]): Promise<readonly StepResult[]> {
    return this.#reader.run(steps);
  }

  write(steps: readonly Step[]): Promise<readonly StepResult[]> {
    return this.#writer.run(steps);
  }

  async begin(duration: 'short' | 'unbounded'): Promise<TransactionLane> {
    await this.#writer.control('begin');
    return new OpenTransaction({
      writer: this.#writer,
      clock: this.#clock,
      timeoutMs: duration === 'short' ? this.#transactionTimeoutMs : undefined,
    });
  }
}

/**
 * A transaction over several messages. While it is open nobody else can write, so one that is not ended in time (for
 * example because it waits for a write outside itself) is rolled back.
 */
class OpenTransaction implements TransactionLane {
  readonly #writer: WorkerChannel;
  #cancelTimer: (() => void) | undefined;
  #over: PlatformError | undefined;

  constructor(options: {
    readonly writer: WorkerChannel;
    readonly clock: Clock;
    readonly timeoutMs: number | undefined;
  }) {
    const { writer, clock, timeoutMs } = options;
    this.#writer = writer;
    if (timeoutMs === undefined) return;
    this.#cancelTimer = clock.after(timeoutMs, () => {
      const reason = `The transaction was not finished within ${timeoutMs} ms and was rolled back.`;
      this.#end(new PlatformError('internal', 'transaction_stalled', reason)).catch(() => {
        // The thread is gone, and the transaction with it; whoever works in it is told by its next statement.
      });
    });
  }

  async read(steps: readonly Step[]): Promise<readonly StepResult[]> {
    return this.write(steps);
  }

  async write(steps: readonly Step[]): Promise<readonly StepResult[]> {
    if (this.#over !== undefined) throw this.#over;
    return this.#writer.run(steps, 'tx');
  }

  async begin(): Promise<TransactionLane> {
    throw new PlatformError('internal', 'unsupported', 'Use savepoints inside a transaction.');
  }

  async commit(): Promise<void> {
    if (this.#over !== undefined) throw this.#over;
    this.#over = new PlatformError('internal', 'transaction_over', 'The transaction was over already.');
    this.#cancelTimer?.();
    await this.#writer.control('commit');
  }

  async rollback(): Promise<void> {
    await this.#end(new PlatformError('internal', 'transaction_over', 'The transaction was over already.'));
  }

  async #end(reason: PlatformError): Promise<void> {
    if (this.#over !== undefined) return;
    this.#over = reason;
    this.#cancelTimer?.();
    await this.#writer.control('rollback');
  }
}

/** A session on the threads, or in one transaction. */
export class SqliteSession implements SqlSession {
  readonly db: Kysely<Tables>;
  readonly flavour = sqliteFlavour;
  readonly #lane: Lane;
  readonly #templates: TemplateCompiler;
  readonly #isTransaction: boolean;
  #savepoints = 0;

  constructor(options: { readonly lane: Lane; readonly templates?: TemplateCompiler }) {
    this.#lane = options.lane;
    this.db = new Kysely<Tables>({ dialect: laneDialect(options.lane) });
    this.#isTransaction = options.templates !== undefined;
    this.#templates = options.templates ?? new TemplateCompiler({ db: this.db, flavour: this.flavour });
  }

  step<Input extends object>(template: Template<Input>, input: Input, skipWhenNone?: number): Step {
    return this.#templates.step(template, input, skipWhenNone);
  }

  write(steps: readonly Step[]): Promise<readonly StepResult[]> {
    return this.#lane.write(steps);
  }

  read(steps: readonly Step[]): Promise<readonly StepResult[]> {
    return this.#lane.read(steps);
  }

  async transaction<T>(work: (tx: SqlSession) => Promise<T>, duration: 'short' | 'unbounded' = 'short'): Promise<T> {
    if (this.#isTransaction) return this.#savepoint(work);
    const lane = await this.#lane.begin(duration);
    let result: T;
    try {
      result = await work(new SqliteSession({ lane, templates: this.#templates }));
    } catch (error) {
      await lane.rollback();
      throw error;
    }
    await lane.commit();
    return result;
  }

  async #savepoint<T>(work: (tx: SqlSession) => Promise<T>): Promise<T> {
    const name = `nested_${++this.#savepoints}`;
    const run = (sql: string) => this.#lane.write([{ sql: `${sql} ${name}`, parameters: [], skipWhenNone: 0 }]);
    await run('savepoint');
    try {
      const result = await work(this);
      await run('release');
      return result;
    } catch (error) {
      await run('rollback to');
      await run('release');
      throw error;
    }
  }
}
