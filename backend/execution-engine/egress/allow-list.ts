import { defaultEgressPorts, type EgressAllowList, type EgressHost, parseEgressHost } from '../../../shared/egress.ts';

/** Where a program inside wants to go. */
export interface EgressTarget {
  /** In lower case, without the dot at the end and without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The hosts that one function may reach, ready to compare with. */
export class AllowList {
  readonly #hosts: readonly EgressHost[];

  /** Entries that make no sense, which the API does not let in, allow nothing. */
  constructor(rules: EgressAllowList) {
    this.#hosts = rules.allow.map(parseEgressHost).filter((host) => typeof host !== 'string');
  }

  allows(target: EgressTarget): boolean {
    return this.#hosts.some((entry) => matches(entry, target));
  }
}

function matches({ name, isWildcard, port }: EgressHost, target: EgressTarget): boolean {
  const isPort = port === undefined ? defaultEgressPorts.includes(target.port) : port === target.port;
  return isPort && (isWildcard ? target.host.endsWith(`.${name}`) : target.host === name);
}

/** `host:port` of a CONNECT, or of a URL. Undefined: it is none. */
export function parseTarget(authority: string, defaultPort?: number): EgressTarget | undefined {
  const found = /^(?<host>[A-Za-z0-9._-]{1,254}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?<port>\d{1,5}))?$/.exec(
    authority,
  )?.groups;
  const port = found?.['port'] === undefined ? defaultPort : Number(found['port']);
  if (found?.['host'] === undefined || port === undefined || port < 1 || port > 65_535) return undefined;
  const host = found['host']
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  return host === '' ? undefined : { host, port };
}
