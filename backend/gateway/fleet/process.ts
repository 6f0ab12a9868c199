/** One gateway process (see `GatewayFleet`). Its argument is `GatewayProcessSettings` as JSON. */
import { SystemClock } from '../../core/system-clock.ts';
import { makeFullCollectionsRare } from '../../util/collector-settings.ts';
import type { GatewayProcessSettings } from './gateway-fleet.ts';
import { GatewayFront } from './gateway-front.ts';

// A terminal, or systemd, signals all processes of the platform; this one has to serve until the platform has drained.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

makeFullCollectionsRare();
const settings = JSON.parse(process.argv[2] ?? '') as GatewayProcessSettings;
const front = new GatewayFront({ ...settings, clock: new SystemClock(), onOver: () => process.exit(0) });
await front.listen();
