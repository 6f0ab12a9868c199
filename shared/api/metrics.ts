import { z } from 'zod';
import { startLayers } from '../invocation.ts';
import { timeSchema } from './paging.ts';

const middleAndSlow = z.object({ p50: z.number(), p95: z.number() });

/** One step of a series. Latencies are percentiles of merged sketches, null where nothing happened: a gap is a gap. */
export const metricPointSchema = z.object({
  at: timeSchema,
  invocations: z.number(),
  errors: z.number(),
  errorsByKind: z.record(z.string(), z.number()),
  throttles: z.number().describe('Calls that were refused because of a limit; they are no invocations.'),
  refusals: z
    .number()
    .describe(
      'Calls that were refused before they ran for another reason: who called, what was sent, or a function that cannot run now; they are no invocations.',
    ),
  coldStarts: z.number(),
  starts: z
    .record(z.enum(startLayers), z.number())
    .describe('First calls of instances by the layer that these came from; all but `provisioned` are cold starts.'),
  totalMs: z
    .object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number(), mean: z.number() })
    .nullable(),
  queuedMs: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable(),
  handlerMs: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable(),
  handlerTotalMs: z
    .number()
    .describe(
      'Of all calls that ended in the step together; divided by the length of the step, how many ran at a time.',
    ),
  coldMs: z
    .object({ p50: z.number(), p95: z.number(), p99: z.number(), boot: z.number(), load: z.number(), init: z.number() })
    .nullable()
    .describe('Cold starts: percentiles of the whole and mean of each phase.'),
  coldPhases: z
    .object({
      queuedMs: middleAndSlow,
      acquireMs: middleAndSlow,
      bootMs: middleAndSlow,
      loadMs: middleAndSlow,
      initMs: middleAndSlow,
    })
    .nullable()
    .describe(
      'Cold starts: percentiles of each phase; `acquireMs` contains the three after it. Null without a cold start.',
    ),
  cpuMs: z.number(),
  peakMemoryBytes: z.number().describe('The most that an instance had held when a call ended.'),
  memoryBytes: z
    .object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() })
    .nullable()
    .describe(
      'What instances held, each looked at once a second while it runs something, and once a minute while it is idle; null where none was looked at.',
    ),
  requestBytes: z.number(),
  responseBytes: z.number(),
  batches: z
    .object({ count: z.number(), invocations: z.number(), meanWaitMs: z.number() })
    .nullable()
    .describe(
      'Of functions with batches: how often calls went to an instance, how many these were, and what the first of each waited; null where nothing did.',
    ),
  sharedCalls: z
    .number()
    .describe(
      'Answered with the response of another call that was the same (`singleFlight`); they are no invocations.',
    ),
  networkReceivedBytes: z
    .number()
    .describe('By instances, through their network, loopback left out; 0 where the isolation level cannot tell.'),
  networkSentBytes: z.number(),
  diskReadBytes: z.number().describe('By instances, from block devices; 0 where the isolation level cannot tell.'),
  diskWrittenBytes: z.number(),
});
export type MetricPoint = z.infer<typeof metricPointSchema>;

export const metricsQuerySchema = z.object({
  function: z.string().max(63).optional(),
  version: z.coerce.number().int().min(1).optional(),
  from: timeSchema.optional().describe('An hour ago when left out.'),
  to: timeSchema.optional().describe('Now when left out.'),
  stepMs: z.coerce.number().int().min(1000).max(86_400_000).optional().describe('Chosen from the range when left out.'),
});

export const metricsSchema = z.object({
  from: timeSchema,
  to: timeSchema,
  stepMs: z.number(),
  points: z.array(metricPointSchema).describe('Steps without data are left out.'),
  total: metricPointSchema.nullable().describe('The whole range as one point, percentiles merged from the sketches.'),
});
export type Metrics = z.infer<typeof metricsSchema>;

/** The sketch that a histogram is of, by the field of a point that has its percentiles. */
const histogramFields = ['totalMs', 'queuedMs', 'handlerMs', 'coldMs'] as const;

export type HistogramField = (typeof histogramFields)[number];

export const histogramQuerySchema = metricsQuerySchema.extend({
  of: z.enum(histogramFields).default('totalMs').describe('Of what; `coldMs`: of cold starts alone.'),
});

/** How many calls took how long, over time. */
export const histogramSchema = z.object({
  from: timeSchema,
  to: timeSchema,
  stepMs: z.number(),
  edgesMs: z
    .array(z.number())
    .describe(
      'Bucket i is from edge i (excluded, but for 0) to edge i + 1; only buckets between used ones. Empty: no calls.',
    ),
  points: z
    .array(z.object({ at: timeSchema, counts: z.array(z.number().int()).describe('One per bucket.') }))
    .describe('Steps without calls are left out.'),
});
export type Histogram = z.infer<typeof histogramSchema>;

/** What the host and the pool are doing right now. */
const gaugesSchema = z.object({
  at: timeSchema,
  instances: z.object({
    starting: z.number(),
    idle: z.number(),
    busy: z.number(),
    paused: z.number(),
    draining: z.number(),
    preWarmed: z.number(),
  }),
  inFlight: z.number(),
  queued: z.number().describe('Synchronous calls that wait for admission.'),
  asyncDepth: z
    .number()
    .nullable()
    .describe('Invocations in the durable queue; of the whole platform only, null in the numbers of one project.'),
  asyncOldestMs: z
    .number()
    .nullable()
    .describe('How long the one in the durable queue has waited that was due first; null like `asyncDepth`.'),
  host: z.object({
    cpuPercent: z.number(),
    cpus: z.number(),
    memoryUsedBytes: z.number(),
    memoryTotalBytes: z.number(),
    platformRssBytes: z.number(),
    sandboxMemoryBytes: z.number(),
    diskFreeBytes: z.number(),
    diskTotalBytes: z.number(),
    loopLagMs: z.number(),
  }),
});
export type Gauges = z.infer<typeof gaugesSchema>;

/** The gauges of which there is a history, in the order in which they are stored: new ones go to the end. */
export const gaugeNames = [
  'cpuPercent',
  'cpus',
  'memoryUsedBytes',
  'memoryTotalBytes',
  'platformRssBytes',
  'diskUsedBytes',
  'diskTotalBytes',
  'loopLagMs',
  'sandboxMemoryBytes',
  'instancesStarting',
  'instancesIdle',
  'instancesBusy',
  'inFlight',
  'queued',
  'asyncDepth',
  'asyncOldestMs',
] as const;
export type GaugeName = (typeof gaugeNames)[number];

/** Of the machine itself; the others are sums over all projects, and null for callers who see only some. */
export const hostGaugeNames = gaugeNames.slice(0, gaugeNames.indexOf('loopLagMs') + 1);

export const gaugesQuerySchema = metricsQuerySchema.pick({ from: true, to: true, stepMs: true });

/** One step: of the samples in it, one a second, the mean and the largest. */
export const gaugePointSchema = z.object({
  at: timeSchema,
  samples: z.number(),
  gauges: z.record(z.enum(gaugeNames), z.object({ mean: z.number(), max: z.number() }).nullable()),
});

export const gaugeSeriesSchema = z.object({
  from: timeSchema,
  to: timeSchema,
  stepMs: z.number(),
  points: z.array(gaugePointSchema).describe('Steps in which the platform did not run are left out.'),
});
export type GaugeSeries = z.infer<typeof gaugeSeriesSchema>;

/** One event of `GET /api/v1/metrics/stream`, once a second: the second that just ended, in total and per function. */
export const liveTickSchema = z.object({
  at: timeSchema,
  stepMs: z.number(),
  total: metricPointSchema.nullable(),
  functions: z.record(
    z.string(),
    z.object({ invocations: z.number(), errors: z.number(), p95Ms: z.number().nullable() }),
  ),
  gauges: gaugesSchema,
});
export type LiveTick = z.infer<typeof liveTickSchema>;
