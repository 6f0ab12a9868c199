import type { CreateProject } from '../../shared/api/access.ts';
import { PlatformError } from '../../shared/errors.ts';
import { newId } from '../../shared/ids.ts';
import { defaultProject } from '../../shared/names.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { ProjectRecord } from '../core/ports/project-store.ts';
import type { Store } from '../core/ports/store.ts';
import type { ChangeLock } from '../util/change-lock.ts';
import { type Actor, auditRecord } from './audit.ts';
import type { InMemoryFunctionDirectory } from './function-directory.ts';

/** How many there are of what belongs to a project. */
export interface ProjectContents {
  readonly functions: number;
  readonly members: number;
  readonly tokens: number;
  readonly secrets: number;
}

export interface ProjectsOptions {
  readonly store: Store;
  readonly directory: InMemoryFunctionDirectory;
  /** Of what other parts hold of a project. */
  readonly countIn: (name: string) => Omit<ProjectContents, 'functions'>;
  readonly lock: ChangeLock;
  readonly clock: Clock;
  /** What was the project's alone goes with it. */
  readonly onRemoved: (name: string) => void;
}

/** Projects keep functions, tokens, metrics, logs and people apart. In memory, so that a request costs no read. */
export class Projects {
  readonly #options: ProjectsOptions;
  readonly #byName = new Map<string, ProjectRecord>();

  constructor(options: ProjectsOptions) {
    this.#options = options;
  }

  async load(): Promise<void> {
    this.#byName.clear();
    for (const record of await this.#options.store.projects.all()) this.#byName.set(record.name, record);
  }

  /** By name. */
  list(): readonly ProjectRecord[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Throws `not_found`/`project_not_found`. */
  get(name: string): ProjectRecord {
    const project = this.#byName.get(name);
    if (project !== undefined) return project;
    throw projectNotFound(name);
  }

  contentsOf(name: string): ProjectContents {
    const { directory, countIn } = this.#options;
    return { functions: directory.entriesOf(name).length, ...countIn(name) };
  }

  /** Rejects with `conflict`/`project_taken`, also when the name belonged to a project that was deleted. */
  async create(input: CreateProject, actor: Actor): Promise<ProjectRecord> {
    const { store, lock, clock } = this.#options;
    const now = clock.now();
    const record = {
      id: newId('project', now),
      name: input.name,
      description: input.description ?? '',
      createdAt: now,
    };
    return lock.run(async () => {
      await store.transaction(async (tx) => {
        await tx.projects.create(record);
        const after = { description: record.description };
        await tx.audit.append(auditRecord(now, actor, 'project.create', record.name, { after }));
      });
      this.#byName.set(record.name, record);
      return record;
    });
  }

  async update(name: string, change: { readonly description: string }, actor: Actor): Promise<ProjectRecord> {
    const { store, lock, clock } = this.#options;
    return lock.run(async () => {
      const before = this.get(name);
      await store.transaction(async (tx) => {
        await tx.projects.update(name, change);
        const detail = { before: { description: before.description }, after: change };
        await tx.audit.append(auditRecord(clock.now(), actor, 'project.update', name, detail));
      });
      const record = { ...before, ...change };
      this.#byName.set(name, record);
      return record;
    });
  }

  /** Deletes an empty project with its tokens, roles and secrets. Rejects with `conflict` (`project_in_use`, `default_project`). */
  async remove(name: string, actor: Actor): Promise<void> {
    const { store, directory, lock, clock, onRemoved } = this.#options;
    await lock.run(async () => {
      const { description } = this.get(name);
      if (name === defaultProject) {
        throw new PlatformError('conflict', 'default_project', 'the default project cannot be deleted');
      }
      const count = directory.entriesOf(name).length;
      if (count > 0) {
        const message = `project ${name} has ${count} ${count === 1 ? 'function' : 'functions'}; delete what is in it first`;
        throw new PlatformError('conflict', 'project_in_use', message);
      }
      const now = clock.now();
      await store.transaction(async (tx) => {
        await tx.projects.remove(name, now);
        await tx.builds.removeOf({ project: name });
        for (const rule of await tx.alerts.rules()) if (rule.project === name) await tx.alerts.removeRule(rule.id);
        await tx.audit.append(auditRecord(now, actor, 'project.delete', name, { before: { description } }));
      });
      this.#byName.delete(name);
      onRemoved(name);
    });
  }
}

/** The same for a project that is not there and for one that the caller may not see. */
export function projectNotFound(name: string): PlatformError {
  return new PlatformError(
    'not_found',
    'project_not_found',
    `there is no project ${JSON.stringify(name.slice(0, 64))}`,
  );
}
