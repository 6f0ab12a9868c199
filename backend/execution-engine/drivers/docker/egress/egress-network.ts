import { createHash } from 'node:crypto';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../../../../shared/errors.ts';
import type { Logger } from '../../../../core/ports/logger.ts';
import { Firewall } from '../../support/egress/firewall.ts';
import type { PacketRate } from '../../support/egress/packet-rates.ts';
import type { RefusalListener } from '../../support/egress/refused-packets.ts';
import type { EgressAccess } from '../container-spec.ts';
import type { EngineClient } from '../engine/engine-client.ts';
import { engineErrorCodes, isEngineError } from '../engine/engine-errors.ts';
import type { NetworkInspection } from '../engine/engine-types.ts';
import { labels } from '../owner.ts';

export interface EgressNetworkOptions {
  readonly engine: EngineClient;
  /** The run directory's own id: names the network, its bridge and the tables. */
  readonly home: string;
  /** For the file that says where names are resolved; mounted into sandboxes. */
  readonly directory: string;
  readonly resolvers: readonly string[];
  readonly logger: Logger | undefined;
  /** Tries out, with a container on the network, that it cannot reach this host; resolves with the ways that are open. Called once. */
  readonly attack: (gateway: string, access: EgressAccess) => Promise<readonly string[]>;
}

const bridgeNameOption = 'com.docker.network.bridge.name';

/**
 * The network of sandboxes with `egress: "all"`: a bridge of its own and a firewall that lets packets out to public addresses and nowhere else. Made with
 * the first such sandbox, and refused as long as the rules do not hold: nothing ever runs on it without them.
 */
export class EgressNetwork {
  readonly #options: EgressNetworkOptions;
  readonly #name: string;
  readonly #bridge: string;
  readonly #firewall: Firewall;
  #opening: Promise<EgressAccess> | undefined;
  #isProven = false;
  /** Rules or a network of ours may be there. */
  #isBegun = false;
  readonly #onLost = (): void =>
    this.#options.logger?.error(
      { network: this.#name },
      'the firewall rules of functions were gone; they are put back',
    );

  constructor(options: EgressNetworkOptions) {
    this.#options = options;
    const id = createHash('sha256').update(options.home).digest('hex').slice(0, 8);
    this.#name = `hearth-egress-${id}`;
    // Names of interfaces have at most 15 characters.
    this.#bridge = `hearth${id}`;
    this.#firewall = new Firewall({
      ...{ table: `hearth_${id}`, interfaces: this.#bridge, isBridge: true },
      resolvers: options.resolvers,
    });
  }

  /** Limits what a container on it sends and receives, and tells where it was refused: `Firewall.attend`. */
  attend(address: string, rate: PacketRate, listener: RefusalListener): Promise<() => Promise<void>> {
    return this.#firewall.attend(address, rate, listener);
  }

  /** Why it cannot be had on this host, with what to do, or undefined. Changes nothing. */
  async whyNot(): Promise<string | undefined> {
    return await this.#firewall.whyNot();
  }

  /** Rejects with `unavailable`/`egress_unavailable` when rules or network cannot be made, or do not hold. */
  async open(signal: AbortSignal): Promise<EgressAccess> {
    this.#opening ??= this.#open();
    const opening = this.#opening;
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    const access = await opening;
    await this.#firewall.putBack(this.#onLost);
    if (signal.aborted) throw new PlatformError('unavailable', 'aborted', 'starting a sandbox was aborted');
    return access;
  }

  /** Removes network and rules; after the containers on it. */
  async close(): Promise<void> {
    this.#firewall.forget();
    await this.#opening?.catch(() => undefined);
    if (!this.#isBegun) return;
    try {
      await this.#options.engine.removeNetwork(this.#name).catch((error: unknown) => {
        if (!isEngineError(error, engineErrorCodes.networkMissing)) throw error;
      });
      await this.#firewall.remove();
    } catch (error) {
      // With something left on it, the rules stay as well.
      this.#options.logger?.warn({ err: error, network: this.#name }, 'the network of functions could not be removed');
    }
  }

  async #open(): Promise<EgressAccess> {
    this.#isBegun = true;
    // Rules first: from the moment at which the bridge is there, nothing passes.
    await this.#firewall.install(undefined);
    const { IPAM, Options } = await this.#findOrCreate();
    const [config] = IPAM?.Config ?? [];
    if (Options?.[bridgeNameOption] !== this.#bridge || config?.Subnet === undefined || config.Gateway === undefined)
      throw unavailable(
        `the network ${this.#name} is not as Hearth makes it; remove it (docker network rm ${this.#name})`,
      );
    if (!existsSync(join('/sys/class/net', this.#bridge)))
      throw unavailable(
        'the Docker daemon is in another network than Hearth, so that rules of ours do not hold there; run Hearth on the host itself',
      );
    await this.#firewall.install(config.Subnet);
    const resolvConf = join(this.#options.directory, 'resolv.conf');
    writeFileSync(resolvConf, this.#options.resolvers.map((address) => `nameserver ${address}\n`).join(''));
    chmodSync(resolvConf, 0o444);
    const access = { network: this.#name, resolvConf };
    await this.#prove(config.Gateway, access);
    this.#firewall.watch(this.#onLost);
    return access;
  }

  async #findOrCreate(): Promise<NetworkInspection> {
    const { engine, home } = this.#options;
    try {
      return await engine.inspectNetwork(this.#name);
    } catch (error) {
      if (!isEngineError(error, engineErrorCodes.networkMissing)) throw error;
    }
    await engine.createNetwork({
      Name: this.#name,
      CheckDuplicate: true,
      Driver: 'bridge',
      EnableIPv6: false,
      Labels: { [labels.home]: home },
      Options: { [bridgeNameOption]: this.#bridge, 'com.docker.network.bridge.enable_icc': 'false' },
    });
    return await engine.inspectNetwork(this.#name);
  }

  async #prove(gateway: string, access: EgressAccess): Promise<void> {
    if (this.#isProven) return;
    const open = await this.#options.attack(gateway, access).catch((error: unknown) => {
      throw unavailable(`the test of the network failed: ${error instanceof Error ? error.message : String(error)}`);
    });
    if (open.length > 0)
      throw unavailable(
        `a container on the network ${access.network} could reach ${open.join(', ')}; see the firewall of the host`,
      );
    this.#isProven = true;
  }
}

function unavailable(message: string): PlatformError {
  return new PlatformError('unavailable', 'egress_unavailable', message);
}
