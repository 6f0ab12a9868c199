import { join } from 'node:path';
import type { RuntimePlan } from '../../backend/core/ports/runtime-adapter.ts';

/** Runs tests/fixtures/drivers/body.cjs with this very Node, for `BodyClient`. */
export function bodyPlan(...nodeOptions: readonly string[]): RuntimePlan {
  return {
    runtime: 'nodejs',
    argv: ['/usr/bin/node', ...nodeOptions, '/rt/body.cjs'],
    env: {},
    agent: { hostPath: join(import.meta.dirname, '../fixtures/drivers/body.cjs'), guestPath: '/rt/body.cjs' },
    toolchain: [{ hostPath: process.execPath, guestPath: '/usr/bin/node' }],
  };
}
