import { z } from 'zod';
import { isolationLevels } from '../../shared/version-config.ts';

const flag = z.enum(['true', 'false', '1', '0', 'yes', 'no']).transform((text) => ['true', '1', 'yes'].includes(text));
const port = z.coerce.number().int().min(0).max(65_535);
const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

/** `name=value,name=value` with URL-encoded values, as OpenTelemetry has it. */
const pairs = z
  .string()
  .default('')
  .transform((text, context) => {
    const entries: [string, string][] = [];
    for (const pair of text.split(',').filter((item) => item.trim() !== '')) {
      const at = pair.indexOf('=');
      try {
        if (at < 1) throw new Error('no name');
        entries.push([pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())]);
      } catch {
        context.addIssue({ code: 'custom', message: 'write name=value, separated by commas' });
      }
    }
    return Object.fromEntries(entries) as Readonly<Record<string, string>>;
  });

/**
 * Every setting, once: name, form, default and explanation. docs/configuration.md is generated from here
 * (`node scripts/config-docs.ts`). Settings come from the environment, then from the file that HEARTH_CONFIG names, then from the default.
 */
export const settingsSchema = z.object({
  HEARTH_CONFIG: z
    .string()
    .default('')
    .describe(
      'A JSON file with settings: an object whose keys are the names on this page. The environment wins over the file.',
    ),
  HEARTH_HOST: z.string().min(1).default('127.0.0.1').describe('Address that both listeners bind to.'),
  HEARTH_PORT: port
    .default(3000)
    .describe('Port of the control listener: dashboard, API, `/metrics`. 0 takes a free one.'),
  HEARTH_GATEWAY_PORT: port.default(8080).describe('Port of the gateway: function traffic. 0 takes a free one.'),
  HEARTH_GATEWAYS: count(1, 64)
    .default(1)
    .describe(
      'Processes that read requests and write responses of the gateway. 1: the platform itself; more are for machines with more than four cores (docs/gateway.md).',
    ),
  HEARTH_GATEWAY_URL: z
    .string()
    .default('')
    .describe('How callers reach the gateway, if it is behind a proxy, for example `https://fn.example.org`.'),
  HEARTH_TRUST_PROXY: flag
    .prefault('false')
    .describe(
      'Takes client address, scheme and host from the X-Forwarded-* headers of a proxy in front of the gateway. Without one, callers could forge them.',
    ),
  HEARTH_DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .describe('Folder for the database, bundles and the admin token. One platform at a time may use it.'),
  HEARTH_RESTORE_FROM: z
    .string()
    .default('')
    .describe(
      'A backup to restore into the data folder before this start; the folder must be empty. Take it out again afterwards. See docs/backup.md.',
    ),
  HEARTH_RUN_DIR: z
    .string()
    .default('')
    .describe('Folder for sandboxes that run. Empty: chosen so that the sandbox users can reach it.'),
  HEARTH_SESSION_HOURS: count(1, 8760)
    .default(12)
    .describe('How long somebody who signed in with a password stays signed in.'),
  HEARTH_DRAFT_IDLE_MINUTES: count(1, 1440)
    .default(60)
    .describe('A draft that is not called for so long is removed (docs/drafts.md).'),
  HEARTH_ADMIN_TOKEN: z
    .string()
    .refine((text) => text === '' || text.length >= 20, 'at least 20 characters')
    .default('')
    .describe(
      'The admin token. Empty: made on the first start and kept in `admin-token` in the data folder, mode 0600.',
    ),
  HEARTH_ADMIN_TOKEN_FILE: z
    .string()
    .default('')
    .describe('A file that holds the admin token; instead of HEARTH_ADMIN_TOKEN.'),
  HEARTH_SECRETS_KEY: z
    .string()
    .default('')
    .describe(
      'The key that secrets are encrypted with: 32 bytes in base64 or hex. Several, separated by commas: the first encrypts, the others only open what they encrypted earlier. Empty: made on the first start and kept in `secrets.key` in the data folder, mode 0600. See docs/secrets.md.',
    ),
  HEARTH_SECRETS_KEY_FILE: z
    .string()
    .default('')
    .describe('A file that holds such keys, instead of HEARTH_SECRETS_KEY.'),
  HEARTH_SECRETS_KEY_COMMAND: z
    .string()
    .default('')
    .describe(
      'A program that prints such keys, with arguments separated by spaces (no shell); instead of HEARTH_SECRETS_KEY.',
    ),
  HEARTH_ISOLATION: z
    .enum(isolationLevels)
    .default('process')
    .describe('Isolation level of versions that do not name one.'),
  HEARTH_MINIMUM_TIER: z
    .enum(['strict', 'partial'])
    .default('partial')
    .describe(
      'The process driver refuses to run functions when its self-test reaches less than this tier: `strict` needs working cgroups.',
    ),
  HEARTH_ALLOW_UNSANDBOXED: flag
    .prefault('false')
    .describe(
      'Offers the level `unsandboxed`: functions run as plain processes with all rights of the platform. For trying things out only.',
    ),
  DATABASE_URL: z
    .string()
    .refine(
      (text) => text === '' || text.startsWith('sqlite:'),
      'only `sqlite:<path>` so far; leave it out for the database in the data folder',
    )
    .default('')
    .describe('`sqlite:<path>`. Empty: `hearth.db` in the data folder.'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('What the platform logs about itself, as JSON lines on stderr.'),
  HEARTH_EXAMPLES: flag.prefault('true').describe('Deploys the two example functions when the data folder is new.'),

  HEARTH_MAX_INSTANCES: count(1, 10_000).default(100).describe('Instances on this host, all functions together.'),
  HEARTH_POOL_MEMORY_MB: count(0, 10_000_000)
    .default(0)
    .describe('Memory limits of all instances together may not exceed this. 0: three quarters of the machine.'),
  HEARTH_KEEP_ALIVE: z
    .enum(['predictive', 'fixed'])
    .default('predictive')
    .describe(
      'How long idle instances are kept. `predictive`: learnt from the idle times of each function, also starting instances ahead of calls (docs/scheduling.md). `fixed`: ten minutes. A function that sets `idleTimeoutMs` decides for itself.',
    ),
  HEARTH_PREWARM: count(0, 20).default(1).describe('Sandboxes kept ready per language, waiting for any function.'),
  HEARTH_MAX_BOOTS: count(0, 64)
    .default(0)
    .describe('Sandboxes that may start at the same time. 0: the number of processors.'),
  HEARTH_MAX_CONCURRENT: count(1, 100_000).default(1000).describe('Invocations in flight, all functions together.'),
  HEARTH_GATEWAY_REQUESTS_PER_MINUTE: count(0, 10_000_000)
    .default(0)
    .describe('Calls through the gateway from one address (IPv6: one /64) to all functions together. 0: any number.'),
  HEARTH_API_REQUESTS_PER_MINUTE: count(0, 10_000_000)
    .default(0)
    .describe('Requests to the API with one token or of one user. 0: any number.'),
  HEARTH_MAX_QUEUED: count(0, 1_000_000)
    .default(10_000)
    .describe('Synchronous calls that may wait; more are answered 429.'),
  HEARTH_MAX_QUEUED_PER_FUNCTION: count(0, 1_000_000).default(1000).describe('The same for one function.'),
  HEARTH_ASYNC_CONCURRENCY: count(1, 10_000).default(50).describe('Asynchronous invocations in flight.'),
  HEARTH_DRAIN_TIMEOUT_MS: count(0, 3_600_000)
    .default(30_000)
    .describe('After SIGTERM, how long running invocations may take to finish.'),

  HEARTH_RETENTION_INVOCATIONS_HOURS: count(1, 87_600).default(168).describe('How long finished invocations are kept.'),
  HEARTH_RECORDS_PER_SECOND: count(0, 1_000_000)
    .default(1000)
    .describe(
      'Ordinary calls (over HTTP, warm, with success, within a second) that are recorded one by one in a second; of more, an even selection is. Metrics count every call, and everything else is recorded (docs/gateway.md). 0: every call.',
    ),
  HEARTH_KEEP_REQUESTS: flag
    .prefault('true')
    .describe(
      'Keeps requests of calls over HTTP as their versions say (`capture`), to be looked at and replayed (docs/payloads.md). `false`: none, whatever versions say.',
    ),
  HEARTH_KEEP_REQUESTS_MIB: count(1, 1_048_576)
    .default(256)
    .describe('Kept requests with their responses, all functions together, in MiB; the oldest go first.'),
  HEARTH_KEEP_REQUESTS_FUNCTION_MIB: count(1, 1_048_576).default(32).describe('The same for one function.'),
  HEARTH_RETENTION_REQUESTS_HOURS: count(1, 87_600)
    .default(72)
    .describe('How long requests are kept, at most as long as their invocations.'),
  HEARTH_RETENTION_LOGS_HOURS: count(1, 87_600).default(168).describe('How long log lines are kept.'),
  HEARTH_RETENTION_ERRORS_DAYS: count(1, 3650)
    .default(30)
    .describe(
      'How long groups of errors, refused attempts to get out, and builds with their logs are kept after they were last seen.',
    ),
  HEARTH_RETENTION_METRICS_10S_HOURS: count(1, 8760).default(6).describe('How long metric points of 10 s are kept.'),
  HEARTH_RETENTION_METRICS_1M_DAYS: count(1, 3650).default(7).describe('How long metric points of 1 min are kept.'),
  HEARTH_RETENTION_METRICS_1H_DAYS: count(1, 36_500).default(90).describe('How long metric points of 1 h are kept.'),

  HEARTH_BUILD_TIMEOUT_MS: count(1000, 3_600_000)
    .default(300_000)
    .describe('Longest build of a bundle, dependencies included.'),
  HEARTH_COMPILE_AHEAD: flag
    .prefault('true')
    .describe(
      'Compile large bundles when they are deployed, so that their instances start faster (docs/performance.md).',
    ),
  HEARTH_BUILD_MEMORY_MB: count(128, 65_536).default(2048).describe('Memory of one build.'),
  HEARTH_NPM_REGISTRY: z
    .url()
    .default('https://registry.npmjs.org/')
    .describe(
      'Where builds fetch npm packages; the only host they reach besides HEARTH_PIP_INDEX and HEARTH_REGISTRY_HOSTS.',
    ),
  HEARTH_PIP_INDEX: z.url().default('https://pypi.org/simple/').describe('Where builds fetch Python packages.'),
  HEARTH_REGISTRY_HOSTS: list
    .prefault('files.pythonhosted.org')
    .describe('More hosts that builds may reach, separated by commas.'),
  HEARTH_NODE_PATH: z
    .string()
    .default('')
    .describe('The `node` that functions run on. Empty: the one that runs Hearth.'),
  HEARTH_PYTHON_PATH: z
    .string()
    .default('')
    .describe('The `python3` that functions run on. Empty: /usr/bin/python3, else the first on PATH.'),
  HEARTH_PYTHON_PRELOAD: z
    .string()
    .regex(/^[A-Za-z_][\w.]*(\s*,\s*[A-Za-z_][\w.]*)*$/, 'write `standard`, `none`, or modules separated by commas')
    .default('standard')
    .describe(
      'Modules of the standard library that waiting Python sandboxes import ahead, separated by commas; `standard`: the usual ones; `none`.',
    ),
  HEARTH_DOCKER_HOST: z
    .string()
    .regex(/^$|^unix:\/\/\/.|^tcp:\/\/./, 'write `unix:///path/to/docker.sock` or `tcp://host:port`')
    .default('')
    .describe(
      'Where the Docker daemon of the level `docker` listens: `unix:///path/to/docker.sock` or `tcp://host:port`. Empty: DOCKER_HOST.',
    ),
  DOCKER_HOST: z
    .string()
    .default('')
    .describe('The same, as other tools of Docker have it. Empty: `unix:///var/run/docker.sock`.'),
  HEARTH_DOCKER_IMAGE_NODEJS: z
    .string()
    .default('')
    .describe(
      'An image for Node.js functions in containers, made with docs/drivers/docker.md. Empty: built from the `node` of this host.',
    ),
  HEARTH_QEMU: flag
    .prefault('false')
    .describe(
      'Offers isolation level `qemu`: microVMs under QEMU (docs/drivers/qemu.md). On by itself when it is the default level.',
    ),
  HEARTH_SNAPSHOTS: z
    .enum(['off', 'without-secrets', 'all'])
    .default('without-secrets')
    .describe(
      'Versions in microVMs (`qemu`, `firecracker`) that start from a snapshot of their first good start. A snapshot holds what the function has in memory, so `without-secrets` leaves out those that use secrets.',
    ),
  HEARTH_COPIES_AHEAD: count(0, 8)
    .default(1)
    .describe(
      'Copies of each version with a snapshot that are restored ahead of calls and stand still until one comes (docs/scheduling.md).',
    ),
  HEARTH_QEMU_PATH: z
    .string()
    .default('')
    .describe('The `qemu-system-x86_64` to use. Empty: the first in the usual places.'),
  HEARTH_FIRECRACKER: flag
    .prefault('false')
    .describe(
      'Offers isolation level `firecracker`: microVMs under KVM (docs/drivers/firecracker.md). On by itself when it is the default level.',
    ),
  HEARTH_FIRECRACKER_PATH: z
    .string()
    .default('')
    .describe('The `firecracker` to use. Empty: the first in the usual places.'),
  HEARTH_FIRECRACKER_JAILER_PATH: z
    .string()
    .default('')
    .describe(
      'The `jailer` of the same release. Empty: the one beside `firecracker`, or the first in the usual places.',
    ),
  HEARTH_NANOS_HOME: z
    .string()
    .default('')
    .describe(
      'Directory of a release of Nanos (`scripts/setup_nanos.sh`); offers isolation level `nanos`: unikernels (docs/drivers/nanos.md). `HEARTH_QEMU_PATH` holds for it as well.',
    ),
  HEARTH_GUEST_KERNEL: z
    .string()
    .default('')
    .describe('Kernel of microVMs: a kernel file or a Debian package (`.deb`). Empty: one that is installed.'),
  HEARTH_GUEST_BUSYBOX: z.string().default('').describe('Static busybox inside microVMs. Empty: `/bin/busybox`.'),
  HEARTH_DOCKER_IMAGE_PYTHON: z.string().default('').describe('The same for Python functions.'),
  HEARTH_SMTP_URL: z
    .union([z.literal(''), z.url({ protocol: /^smtps?$/ })])
    .default('')
    .describe('Mail server for alerts, `smtp://user:password@host:587` or `smtps://…`. Empty: no e-mail.'),
  HEARTH_SMTP_FROM: z.string().default('hearth@localhost').describe('Sender of alert e-mails.'),
  HEARTH_WEBHOOK_PRIVATE: flag
    .prefault('false')
    .describe(
      'Lets webhooks of alerts reach loopback and private networks. Whoever may write alert rules can then reach them.',
    ),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .union([z.literal(''), z.url({ protocol: /^https?$/ })])
    .default('')
    .describe(
      'Address of an OpenTelemetry collector (OTLP/HTTP with JSON), for example `http://127.0.0.1:4318`. Empty: traces and metrics are not exported. The other OTEL_* settings have the names and defaults of OpenTelemetry.',
    ),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.literal('http/json').default('http/json').describe('What Hearth speaks.'),
  OTEL_EXPORTER_OTLP_HEADERS: pairs.describe('Headers for the collector: `name=value`, separated by commas.'),
  OTEL_EXPORTER_OTLP_TIMEOUT: count(1, 600_000).default(10_000).describe('Longest wait for the collector, in ms.'),
  OTEL_METRIC_EXPORT_INTERVAL: count(100, 3_600_000).default(60_000).describe('Time between two exports, in ms.'),
  OTEL_SERVICE_NAME: z.string().min(1).default('hearth').describe('How this platform calls itself to the collector.'),
  OTEL_RESOURCE_ATTRIBUTES: pairs.describe('More attributes of the platform: `name=value`, separated by commas.'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      'Share of traces that are exported, of those that begin in Hearth. Where a caller sends `traceparent`, its decision holds.',
    ),
  HEARTH_EGRESS_RESOLVERS: list
    .prefault('1.1.1.1,9.9.9.9')
    .pipe(z.array(z.ipv4('write IPv4 addresses, separated by commas')))
    .describe('Name servers (IPv4) of functions with `egress: "all"`; they may be private addresses.'),
  HEARTH_EGRESS_MIB_PER_SECOND: count(1, 10_240)
    .default(64)
    .describe(
      'How much a function with `egress: "all"` may send, and how much it may receive, per CPU that it asked for, in MiB per second.',
    ),
  HEARTH_EGRESS_PRIVATE: flag
    .prefault('false')
    .describe(
      'Lets functions reach loopback and private networks where their allow-list names hosts there. Whoever may deploy can then reach them.',
    ),
  HEARTH_BWRAP_PATH: z.string().default('').describe('The `bwrap` of the process driver. Empty: the first on PATH.'),
});

/** All settings, checked and frozen. */
export type Settings = Readonly<z.output<typeof settingsSchema>>;
export type SettingName = keyof Settings;
