import type { z } from 'zod';
import { poolsSchema } from '../../shared/api/system.ts';
import type { Platform } from '../../tests/support/platform.ts';

/** What the platform says of its instances and its waiting sandboxes. */
export async function poolsOf(platform: Platform): Promise<z.infer<typeof poolsSchema>> {
  return poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
}

/** Throws while no sandbox of the runtime waits. */
export async function expectPreWarmed(platform: Platform, runtime: string): Promise<void> {
  const { preWarmed } = await poolsOf(platform);
  if (!preWarmed.some((entry) => entry.runtime === runtime && entry.count > 0))
    throw new Error(`no pre-warmed sandbox for ${runtime}`);
}
