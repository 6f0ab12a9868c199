import type { SandboxId } from '../../../shared/ids.ts';
import type { SandboxHandle } from '../../core/ports/sandbox.ts';
import type { SandboxStore } from '../../core/ports/store.ts';
import { fromJson } from '../columns.ts';
import { rowsOf, type SqlSession } from '../sql-session.ts';
import type { SandboxRow } from '../tables.ts';
import { template } from '../template.ts';

const putSandbox = template<SandboxRow>((db, slot) =>
  db
    .insertInto('sandboxes')
    .values({ id: slot.id, handle: slot.handle, created_at: slot.created_at })
    .onConflict((on) => on.column('id').doUpdateSet((eb) => ({ handle: eb.ref('excluded.handle') }))),
);
const deleteSandbox = template<Pick<SandboxRow, 'id'>>((db, slot) =>
  db.deleteFrom('sandboxes').where('id', '=', slot.id),
);
const selectSandboxes = template<Record<never, never>>((db) =>
  db.selectFrom('sandboxes').selectAll().orderBy('created_at').orderBy('id'),
);

/** Table `sandboxes`: what may still live after a crash. Written at every boot, so it shares flushes. */
export class SandboxModel implements SandboxStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async put(handle: SandboxHandle, createdAt: number): Promise<void> {
    const row = { id: handle.id, handle: JSON.stringify(handle), created_at: createdAt };
    await this.#session.write([this.#session.step(putSandbox, row)]);
  }

  async remove(id: SandboxId): Promise<void> {
    await this.#session.write([this.#session.step(deleteSandbox, { id })]);
  }

  async all(): Promise<readonly SandboxHandle[]> {
    const [result] = await this.#session.read([this.#session.step(selectSandboxes, {})]);
    return rowsOf<SandboxRow>(result).map((row) => fromJson<SandboxHandle>(row.handle));
  }
}
