import { functionPageSchema } from '../shared/api/functions.ts';
import type { ApiClient } from './api-client.ts';
import { allPages } from './pages.ts';

/** The names of all functions of the project. */
export async function functionNames(client: ApiClient): Promise<readonly string[]> {
  const items = await allPages((cursor) => client.get('/api/v1/functions', functionPageSchema, { limit: 200, cursor }));
  return items.map(({ name }) => name);
}
