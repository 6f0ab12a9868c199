import type { FunctionId } from '../../../shared/ids.ts';
import type { RouteRecord, RouteStore } from '../../core/ports/store.ts';
import { fromJson } from '../columns.ts';
import type { SqlSession } from '../sql-session.ts';
import type { RouteRow } from '../tables.ts';
import { template } from '../template.ts';

const deleteRoutes = template<Pick<RouteRow, 'function_id'>>((db, slot) =>
  db.deleteFrom('routes').where('function_id', '=', slot.function_id),
);
const insertRoute = template<RouteRow>((db, slot) =>
  db.insertInto('routes').values({
    id: slot.id,
    function_id: slot.function_id,
    position: slot.position,
    path: slot.path,
    methods: slot.methods,
    alias: slot.alias,
  }),
);

/** Table `routes`; a function's routes keep the order in which they were given. */
export class RouteModel implements RouteStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async replace(functionId: FunctionId, routes: readonly RouteRecord[]): Promise<void> {
    const inserts = routes.map((route, position) =>
      this.#session.step(insertRoute, {
        id: route.id,
        function_id: functionId,
        position,
        path: route.path,
        methods: JSON.stringify(route.methods),
        alias: route.alias,
      }),
    );
    await this.#session.write([this.#session.step(deleteRoutes, { function_id: functionId }), ...inserts]);
  }

  async list(functionId: FunctionId): Promise<readonly RouteRecord[]> {
    const rows = await this.#session.db
      .selectFrom('routes')
      .selectAll()
      .where('function_id', '=', functionId)
      .orderBy('position')
      .execute();
    return rows.map(toRecord);
  }

  async all(): Promise<readonly RouteRecord[]> {
    const rows = await this.#session.db
      .selectFrom('routes')
      .selectAll()
      .orderBy('function_id')
      .orderBy('position')
      .execute();
    return rows.map(toRecord);
  }
}

function toRecord(row: RouteRow): RouteRecord {
  return {
    id: row.id,
    functionId: row.function_id,
    path: row.path,
    methods: fromJson<string[]>(row.methods),
    alias: row.alias,
  };
}
