import { type RuntimeDocument, systemSchema } from '../../shared/api/system.ts';
import type { CliContext } from '../context.ts';

/** Names of the runtimes that the platform has, those that are `wanted`. */
export async function availableRuntimes(
  client: CliContext['client'],
  wanted: (runtime: RuntimeDocument) => boolean = () => true,
): Promise<readonly string[]> {
  const { runtimes } = await client.get('/api/v1/system', systemSchema);
  return runtimes.filter((runtime) => runtime.status === 'available' && wanted(runtime)).map(({ name }) => name);
}
