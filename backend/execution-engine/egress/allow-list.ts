import {
  defaultEgressPorts,
  type EgressAllowList,
  type EgressHost,
  type EgressSecretHost,
  parseEgressHost,
} from '../../../shared/egress.ts';

const httpPort = 80;
const httpsPort = 443;

/** Where a program inside wants to go. */
export interface EgressTarget {
  /** In lower case, without the dot at the end and without brackets. */
  readonly host: string;
  readonly port: number;
}

/** How to get to a target: as it is, or with a secret and TLS that the proxy adds. */
export type Route =
  | { readonly kind: 'plain' }
  | { readonly kind: 'secret'; readonly rule: EgressSecretHost; readonly upstream: EgressTarget };

interface Entry extends EgressHost {
  readonly rule: EgressSecretHost | undefined;
}

/** The hosts that one function may reach, ready to compare with. */
export class AllowList {
  /** Those with a secret first: a host that is there in both ways gets it where both fit. */
  readonly #entries: readonly Entry[];

  /** Entries that make no sense, which the API does not let in, allow nothing. */
  constructor({ allow }: EgressAllowList) {
    const entries = allow.flatMap((rule): readonly Entry[] => {
      const isPlain = typeof rule === 'string';
      const parsed = parseEgressHost(isPlain ? rule : rule.host);
      return typeof parsed === 'string' ? [] : [{ ...parsed, rule: isPlain ? undefined : rule }];
    });
    this.#entries = entries.toSorted((a, b) => Number(a.rule === undefined) - Number(b.rule === undefined));
  }

  /** Undefined: nowhere. */
  route(target: EgressTarget): Route | undefined {
    const entry = this.#entries.find((candidate) => matches(candidate, target));
    if (entry === undefined) return undefined;
    if (entry.rule === undefined) return { kind: 'plain' };
    return { kind: 'secret', rule: entry.rule, upstream: { ...target, port: entry.port ?? httpsPort } };
  }

  /** The host gets a secret, whatever the port. */
  hasSecretFor(host: string): boolean {
    return this.#entries.some(({ name, rule }) => rule !== undefined && name === host);
  }
}

function matches({ name, isWildcard, port, rule }: Entry, target: EgressTarget): boolean {
  const usual = rule === undefined ? defaultEgressPorts : [httpPort];
  const isPort = port === undefined ? usual.includes(target.port) : port === target.port;
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
