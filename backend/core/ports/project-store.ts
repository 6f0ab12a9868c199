import type { ProjectId } from '../../../shared/ids.ts';

export interface ProjectRecord {
  readonly id: ProjectId;
  /** Never changes, and is never given out again. */
  readonly name: string;
  readonly description: string;
  readonly createdAt: number;
}
export interface ProjectStore {
  /** Rejects with `conflict`/`project_taken`, also when the project of that name was deleted. */
  create(record: ProjectRecord): Promise<void>;
  /** By name, without those that were deleted. */
  all(): Promise<readonly ProjectRecord[]>;
  update(name: string, change: { readonly description: string }): Promise<void>;
  /** Removes its tokens and secrets too. Functions must be gone before; invocations and logs stay until their retention ends. */
  remove(name: string, now: number): Promise<void>;
}
