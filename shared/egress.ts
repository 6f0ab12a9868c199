import { z } from 'zod';
import { secretNameSchema } from './env-names.ts';

/** A host of an allow-list, taken apart. */
export interface EgressHost {
  /** In lower case, without `*.` and port. */
  readonly name: string;
  /** `*.name`: everything below the name, at any depth, but not the name itself. */
  readonly isWildcard: boolean;
  /** Undefined: 80 and 443. */
  readonly port: number | undefined;
}

/** Ports of an entry that names none. */
export const defaultEgressPorts: readonly number[] = [80, 443];
/** Most entries of one allow-list. */
const maxEgressHosts = 64;

const entry = /^(?<star>\*\.)?(?<name>[A-Za-z0-9._-]{1,253})(?::(?<port>\d{1,5}))?$/;
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const octet = /^(?:0|[1-9]\d{0,2})$/;

/** Takes `api.example.com`, `*.example.org:8443` or `192.0.2.1:443` apart. A text says why it is no host of an allow-list. */
export function parseEgressHost(text: string): EgressHost | string {
  const groups = entry.exec(text)?.groups;
  if (groups === undefined)
    return 'must be a host such as api.example.com, *.example.org or 192.0.2.1:8443, without scheme and path';
  const name = (groups['name'] as string).toLowerCase();
  const isWildcard = groups['star'] !== undefined;
  const port = groups['port'] === undefined ? undefined : Number(groups['port']);
  if (port !== undefined && (port < 1 || port > 65_535)) return 'a port is a number from 1 to 65535';
  const labels = name.split('.');
  if (!labels.every((part) => label.test(part)))
    return 'is no name of a host; write international names in their ASCII form (xn--…)';
  if (isWildcard && labels.length < 2) return 'a wildcard needs a domain below it such as *.example.org';
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) as string)) {
    const isAddress = labels.length === 4 && labels.every((part) => octet.test(part) && Number(part) < 256);
    if (!isAddress || isWildcard) return 'is neither a name nor an IPv4 address';
  }
  return { name, isWildcard, port };
}

const egressHostSchema = z.string().superRefine((text, context) => {
  const parsed = parseEgressHost(text);
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} ${parsed}` });
});

/** Headers that say how a message travels, which are the proxy's. */
const travelHeaders =
  /^(connection|content-length|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/i;

const secretHostSchema = z
  .strictObject({
    host: egressHostSchema.refine((text) => !text.startsWith('*'), 'a secret goes to one host, not to a wildcard'),
    secret: secretNameSchema.describe('The name of a secret of the project. Its value never enters the sandbox.'),
    header: z
      .string()
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'not a header name of HTTP')
      .refine((name) => !travelHeaders.test(name), 'this header belongs to the connection')
      .default('authorization')
      .describe('The header that carries it; one of that name from the function is replaced.'),
    prefix: z
      .string()
      .regex(/^[\x20-\x7e]{0,64}$/, 'at most 64 printable characters')
      .default('')
      .describe('In front of the value, for example `Bearer ` with the space.'),
  })
  .describe(
    'A host whose requests get a secret: the function calls `http://host/…`, the proxy calls `https://host/…` with the header. Without a port: 80 inside, 443 outside.',
  );
/** A host of an allow-list with the secret that its requests get. */
export type EgressSecretHost = z.infer<typeof secretHostSchema>;

const allowListSchema = z.strictObject({
  allow: z
    .array(
      z.union([egressHostSchema, secretHostSchema], {
        error: 'must be a host, or {"host", "secret"}',
      }),
    )
    .min(1)
    .max(maxEgressHosts)
    .describe(
      'Hosts: `api.example.com`, `*.example.org` (everything below, not the domain itself), `192.0.2.1:8443`. Without a port: 80 and 443.',
    ),
});

/** What of the network a function may reach. */
export const egressSchema = z
  .union([z.enum(['none', 'all']), allowListSchema], {
    error: 'must be "none", "all" or {"allow": [hosts]}',
  })
  .describe(
    'What of the network the function may reach: `none`, `all` (needs isolation `docker`, `qemu` or `firecracker`), or hosts, through a proxy of the platform.',
  );
export type Egress = z.infer<typeof egressSchema>;
export type EgressAllowList = z.infer<typeof allowListSchema>;

/** The names of the secrets that requests to hosts of an allow-list get. */
export function egressSecrets(egress: Egress): readonly string[] {
  if (typeof egress === 'string') return [];
  return egress.allow.flatMap((rule) => (typeof rule === 'string' ? [] : [rule.secret]));
}

/** Why an attempt to get out is refused, and how people are told. */
export const egressRefusalReasons = {
  'not-on-list': 'it is not on the allow-list of this function',
  'not-public': 'it is not in the public internet',
  'other-server-name': 'TLS asks for it in a connection to another host',
  'no-server-name': 'TLS does not say which host it is for',
  'hidden-server-name': 'TLS hides which host it is for (Encrypted Client Hello)',
  'unreadable-tls': 'its TLS cannot be checked: it is malformed, or has data before the handshake',
  'https-with-secret': 'requests to it get a secret from the proxy, and leave the platform as https',
} as const;
export type EgressRefusalReason = keyof typeof egressRefusalReasons;
