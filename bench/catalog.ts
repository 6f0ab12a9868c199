import { asyncAccept } from './async-accept.ts';
import { batching } from './batching.ts';
import { burst } from './burst.ts';
import { clientDisconnects } from './client-disconnects.ts';
import { coldStart } from './cold-start.ts';
import { compiledAhead } from './compiled-ahead.ts';
import { connections } from './connections.ts';
import { cpuShares } from './cpu-shares.ts';
import { dashboard } from './dashboard.ts';
import { dashboardInput } from './dashboard-input.ts';
import { dashboardPages } from './dashboard-pages.ts';
import { dashboardTab } from './dashboard-tab.ts';
import { docker } from './docker.ts';
import { fairness } from './fairness.ts';
import { foreignIds } from './foreign-ids.ts';
import { gateways } from './gateways.ts';
import { idle } from './idle.ts';
import { idleInstances } from './idle-instances.ts';
import { keepAlive } from './keep-alive.ts';
import { logFlood } from './log-flood.ts';
import { manyFunctions } from './many-functions.ts';
import { noisyNeighbour } from './noisy-neighbour.ts';
import { qemu } from './qemu.ts';
import { recovery } from './recovery.ts';
import { sandboxEnds } from './sandbox-ends.ts';
import { secretTiming } from './secret-timing.ts';
import { soak, soakMinutes } from './soak.ts';
import { startLayers } from './start-layers.ts';
import type { Row } from './support/numbers.ts';
import { warmEcho } from './warm-echo.ts';
import { warmRate } from './warm-rate.ts';

export interface Bench {
  readonly run: () => Promise<readonly Row[]>;
  /** It is ended after so long, several times what it takes where nothing else runs; a bench that hangs must not take the others along. */
  readonly limitSeconds: number;
}

/** All benches, in the order in which they run. */
export const benches: Readonly<Record<string, Bench>> = {
  'warm-echo': { run: warmEcho, limitSeconds: 600 },
  'warm-rate': { run: warmRate, limitSeconds: 240 },
  gateways: { run: gateways, limitSeconds: 300 },
  'cold-start': { run: coldStart, limitSeconds: 1800 },
  'start-layers': { run: startLayers, limitSeconds: 300 },
  'compiled-ahead': { run: compiledAhead, limitSeconds: 900 },
  batching: { run: batching, limitSeconds: 240 },
  burst: { run: burst, limitSeconds: 300 },
  fairness: { run: fairness, limitSeconds: 300 },
  'async-accept': { run: asyncAccept, limitSeconds: 300 },
  'log-flood': { run: logFlood, limitSeconds: 480 },
  recovery: { run: recovery, limitSeconds: 300 },
  'sandbox-ends': { run: sandboxEnds, limitSeconds: 300 },
  'client-disconnects': { run: clientDisconnects, limitSeconds: 180 },
  connections: { run: connections, limitSeconds: 300 },
  idle: { run: idle, limitSeconds: 120 },
  'idle-instances': { run: idleInstances, limitSeconds: 600 },
  'keep-alive': { run: keepAlive, limitSeconds: 600 },
  'many-functions': { run: manyFunctions, limitSeconds: 900 },
  dashboard: { run: dashboard, limitSeconds: 900 },
  'dashboard-pages': { run: dashboardPages, limitSeconds: 1200 },
  'dashboard-input': { run: dashboardInput, limitSeconds: 1200 },
  'dashboard-tab': { run: dashboardTab, limitSeconds: 1200 },
  docker: { run: docker, limitSeconds: 900 },
  qemu: { run: qemu, limitSeconds: 1800 },
  'noisy-neighbour': { run: noisyNeighbour, limitSeconds: 1800 },
  'cpu-shares': { run: cpuShares, limitSeconds: 300 },
  'foreign-ids': { run: foreignIds, limitSeconds: 900 },
  'secret-timing': { run: secretTiming, limitSeconds: 900 },
  // The longest comes last: ten minutes, or HEARTH_BENCH_SOAK_MINUTES.
  soak: { run: soak, limitSeconds: soakMinutes * 60 + 120 },
};
