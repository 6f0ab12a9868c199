import type { AlertStore } from '../core/ports/alert-store.ts';
import type { AliasStore } from '../core/ports/alias-store.ts';
import type { AuditStore } from '../core/ports/audit-store.ts';
import type { StoreCopy } from '../core/ports/backups.ts';
import type { BuildStore } from '../core/ports/build-store.ts';
import type { CanaryAbortStore } from '../core/ports/canary-aborts.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { DocumentStore } from '../core/ports/document-store.ts';
import type { EgressRefusalStore } from '../core/ports/egress-refusals.ts';
import type { ErrorGroupStore } from '../core/ports/error-groups.ts';
import type { InvocationQueue } from '../core/ports/invocation-queue.ts';
import type { LogStore } from '../core/ports/log-store.ts';
import type { ProjectStore } from '../core/ports/project-store.ts';
import type {
  FunctionStore,
  InvocationStore,
  MetricPointStore,
  RouteStore,
  SandboxStore,
  ScheduleStore,
  SecretStore,
  Store,
  TokenStore,
  VersionStore,
} from '../core/ports/store.ts';
import type { TestEventStore } from '../core/ports/test-events.ts';
import type { SessionStore, SignInFailureStore, UserStore } from '../core/ports/user-store.ts';
import { migrate } from './migrations/migrate.ts';
import type { Migration } from './migrations/migration.ts';
import { AlertModel } from './models/alerts.ts';
import { AliasModel } from './models/aliases.ts';
import { AuditModel } from './models/audit.ts';
import { BuildModel } from './models/builds.ts';
import { CanaryAbortModel } from './models/canary-aborts.ts';
import { DocumentModel } from './models/documents.ts';
import { EgressRefusalModel } from './models/egress-refusals.ts';
import { ErrorGroupModel } from './models/error-groups.ts';
import { FunctionModel } from './models/functions.ts';
import { InvocationQueueModel, type ReadySource } from './models/invocation-queue.ts';
import { InvocationModel } from './models/invocations.ts';
import { LogModel } from './models/logs.ts';
import { MetricPointModel } from './models/metric-points.ts';
import { ProjectModel } from './models/projects.ts';
import { RouteModel } from './models/routes.ts';
import { SandboxModel } from './models/sandboxes.ts';
import { ScheduleModel } from './models/schedules.ts';
import { SecretModel } from './models/secrets.ts';
import { SessionModel } from './models/sessions.ts';
import { SignInFailureModel } from './models/sign-in-failures.ts';
import { TestEventModel } from './models/test-events.ts';
import { TokenModel } from './models/tokens.ts';
import { UserModel } from './models/users.ts';
import { VersionModel } from './models/versions.ts';
import { DeferredReadySignal, ReadySignal } from './ready-signal.ts';
import type { SqlSession } from './sql-session.ts';
import type { HealthRow } from './tables.ts';
import { template } from './template.ts';

export interface SqlStoreOptions {
  readonly session: SqlSession;
  readonly clock: Clock;
  readonly migrations: readonly Migration[];
  /** Flushes and closes what the session stands on. */
  readonly close: () => Promise<void>;
  /** See `Store.copy`. */
  readonly copy: (path: string) => Promise<StoreCopy>;
}

const noteCheck = template<HealthRow>((db, slot) =>
  db
    .insertInto('health')
    .values({ id: slot.id, checked_at: slot.checked_at })
    .onConflict((on) => on.column('id').doUpdateSet((eb) => ({ checked_at: eb.ref('excluded.checked_at') }))),
);

/** The store over any SQL engine that can give it a session. */
export class SqlStore implements Store {
  readonly functions: FunctionStore;
  readonly versions: VersionStore;
  readonly aliases: AliasStore;
  readonly routes: RouteStore;
  readonly schedules: ScheduleStore;
  readonly invocations: InvocationStore;
  readonly queue: InvocationQueue;
  readonly logs: LogStore;
  readonly metricPoints: MetricPointStore;
  readonly tokens: TokenStore;
  readonly audit: AuditStore;
  readonly projects: ProjectStore;
  readonly alerts: AlertStore;
  readonly documents: DocumentStore;
  readonly users: UserStore;
  readonly sessions: SessionStore;
  readonly signInFailures: SignInFailureStore;
  readonly secrets: SecretStore;
  readonly sandboxes: SandboxStore;
  readonly errorGroups: ErrorGroupStore;
  readonly egressRefusals: EgressRefusalStore;
  readonly canaryAborts: CanaryAbortStore;
  readonly testEvents: TestEventStore;
  readonly builds: BuildStore;
  readonly #options: SqlStoreOptions;
  readonly #ready: ReadySignal;
  #closing: Promise<void> | undefined;

  constructor(options: SqlStoreOptions, ready = new ReadySignal(), source: ReadySource = ready) {
    const { session } = options;
    this.#options = options;
    this.#ready = ready;
    this.functions = new FunctionModel({ session });
    this.versions = new VersionModel({ session });
    this.aliases = new AliasModel({ session });
    this.routes = new RouteModel({ session });
    this.schedules = new ScheduleModel({ session, transaction: (work) => this.transaction(work) });
    this.invocations = new InvocationModel({ session });
    this.queue = new InvocationQueueModel({ session, ready: source });
    this.logs = new LogModel({ session });
    this.metricPoints = new MetricPointModel({ session });
    this.tokens = new TokenModel({ session });
    this.audit = new AuditModel({ session });
    this.projects = new ProjectModel({ session });
    this.alerts = new AlertModel({ session });
    this.documents = new DocumentModel({ session });
    this.users = new UserModel({ session });
    this.sessions = new SessionModel({ session });
    this.signInFailures = new SignInFailureModel({ session });
    this.secrets = new SecretModel({ session });
    this.sandboxes = new SandboxModel({ session });
    this.errorGroups = new ErrorGroupModel({ session });
    this.egressRefusals = new EgressRefusalModel({ session });
    this.canaryAborts = new CanaryAbortModel({ session });
    this.testEvents = new TestEventModel({ session });
    this.builds = new BuildModel({ session });
  }

  migrate(): Promise<readonly string[]> {
    return migrate(this.#options.session, this.#options.migrations, this.#options.clock.now());
  }

  async transaction<T>(work: (tx: Store) => Promise<T>): Promise<T> {
    const deferred = new DeferredReadySignal({ target: this.#ready });
    const result = await this.#options.session.transaction((session) =>
      work(new SqlStore({ ...this.#options, session, close: async () => {} }, this.#ready, deferred)),
    );
    deferred.deliver();
    return result;
  }

  async check(): Promise<void> {
    const row = { id: 1, checked_at: this.#options.clock.now() };
    await this.#options.session.write([this.#options.session.step(noteCheck, row)]);
  }

  copy(path: string): Promise<StoreCopy> {
    return this.#options.copy(path);
  }

  close(): Promise<void> {
    this.#closing ??= this.#options.close();
    return this.#closing;
  }
}
