import type { DriverHealth } from '../core/ports/isolation-driver.ts';
import type { RuntimeHealth } from '../core/ports/runtime-adapter.ts';

export interface BannerFacts {
  readonly version: string;
  readonly controlUrl: string;
  readonly gatewayUrl: string;
  /** The secret, on the very first start only. */
  readonly newToken: string | undefined;
  readonly tokenPath: string | undefined;
  readonly drivers: readonly { readonly name: string; readonly health: DriverHealth; readonly isDefault: boolean }[];
  readonly runtimes: readonly { readonly name: string; readonly health: RuntimeHealth }[];
  readonly warnings: readonly string[];
  /** A path of the gateway that answers, or undefined when no function is there yet. */
  readonly tryPath: string | undefined;
}

/** What a person sees when the platform has started: where it is, what it can do and why not the rest, and one line to paste. */
export function renderBanner(facts: BannerFacts): string {
  const lines = [`Hearth ${facts.version} is running.`, ''];
  const add = (label: string, text: string): number => lines.push(`  ${label.padEnd(12)}${text}`);
  add('Dashboard', facts.newToken === undefined ? facts.controlUrl : `${facts.controlUrl}/#token=${facts.newToken}`);
  add('Functions', facts.gatewayUrl);
  if (facts.newToken !== undefined)
    add('Admin token', `${facts.newToken}   (shown once; kept in ${facts.tokenPath ?? 'the data folder'})`);
  else if (facts.tokenPath !== undefined) add('Admin token', `in ${facts.tokenPath}`);
  facts.drivers.forEach((driver, index) => {
    add(index === 0 ? 'Isolation' : '', describeDriver(driver.name, driver.health, driver.isDefault));
  });
  facts.runtimes.forEach((runtime, index) => {
    add(index === 0 ? 'Runtimes' : '', describeRuntime(runtime.name, runtime.health));
  });
  for (const warning of facts.warnings) add('Warning', warning);
  if (facts.tryPath !== undefined) {
    lines.push('');
    add('Try it', `curl '${facts.gatewayUrl}${facts.tryPath}'`);
  }
  return `${lines.join('\n')}\n`;
}

function describeDriver(name: string, health: DriverHealth, isDefault: boolean): string {
  const title = isDefault ? `${name} (default)` : name;
  if (health.status === 'healthy') {
    const enforces = [...health.enforces].join(', ');
    return `${title}: ${health.tier}, ${health.version}; enforces ${enforces === '' ? 'nothing' : enforces}`;
  }
  return `${title}: not available: ${health.reason}; ${health.fix}`;
}

function describeRuntime(name: string, health: RuntimeHealth): string {
  return health.status === 'available'
    ? `${name} ${health.version}`
    : `${name}: missing: ${health.reason}; ${health.fix}`;
}
