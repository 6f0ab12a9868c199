import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

const load = createRequire(import.meta.url);

/** A message type that protobufjs made from the published .proto files. */
interface MessageType {
  fromObject(object: object): object;
  toObject(message: object, options: { longs: typeof String; bytes: typeof String; defaults: false }): object;
  verify(message: object): string | null;
}
interface PublishedTypes {
  readonly opentelemetry: {
    readonly proto: {
      readonly collector: {
        readonly trace: { readonly v1: { readonly ExportTraceServiceRequest: MessageType } };
        readonly metrics: { readonly v1: { readonly ExportMetricsServiceRequest: MessageType } };
      };
    };
  };
}
const published = (load('@opentelemetry/otlp-transformer/build/src/generated/root.js') as PublishedTypes).opentelemetry
  .proto.collector;
const types = {
  '/v1/traces': published.trace.v1.ExportTraceServiceRequest,
  '/v1/metrics': published.metrics.v1.ExportMetricsServiceRequest,
};
type SignalPath = keyof typeof types;

/** The JSON encoding of OTLP has these bytes as hex, the one of protobuf as base64. */
const idNames: ReadonlySet<string> = new Set(['traceId', 'spanId', 'parentSpanId']);

/**
 * What is wrong with a payload by the published types: fields that they do not know, values of another form. It goes into the message and comes out
 * again; what does not survive was no part of it.
 */
export function faultsOf(path: SignalPath, payload: object): string[] {
  const given = mapIds(payload) as object;
  const type = types[path];
  const message = type.fromObject(given);
  const fault = type.verify(message);
  const back = type.toObject(message, { longs: String, bytes: String, defaults: false });
  return [...(fault === null ? [] : [fault]), ...differences(given, JSON.parse(JSON.stringify(back)), path)];
}

function mapIds(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => mapIds(item));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapIds(item, key)]));
  if (!idNames.has(name)) return value;
  if (typeof value !== 'string' || !/^([0-9a-f]{16}|[0-9a-f]{32})$/.test(value)) throw new Error(`${name}: ${value}`);
  return Buffer.from(value, 'hex').toString('base64');
}

function differences(given: unknown, back: unknown, at: string): string[] {
  if (Array.isArray(given) && Array.isArray(back))
    return given.flatMap((item, index) => differences(item, back[index], `${at}[${index}]`));
  if (typeof given === 'object' && given !== null && typeof back === 'object' && back !== null) {
    const fields = back as Readonly<Record<string, unknown>>;
    return Object.entries(given).flatMap(([key, item]) => differences(item, fields[key], `${at}.${key}`));
  }
  // An empty list and a false are left out by protobuf, which is the same.
  if (back === undefined && (given === 0 || given === false || (Array.isArray(given) && given.length === 0))) return [];
  return given === back ? [] : [`${at}: ${JSON.stringify(given)} became ${JSON.stringify(back)}`];
}

interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly payload: object;
  readonly faults: readonly string[];
}

/** A collector over HTTP that checks every payload. `answers` are the statuses of the next requests; 200 afterwards. */
export async function startOtlpReceiver() {
  const received: Received[] = [];
  const answers: number[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      const payload = JSON.parse(Buffer.concat(chunks).toString()) as object;
      const isKnown = path === '/v1/traces' || path === '/v1/metrics';
      const status = answers.shift() ?? 200;
      const faults = isKnown ? faultsOf(path, payload) : [`${path} is no path of OTLP/HTTP`];
      if (status === 200) received.push({ path, headers: request.headers, payload, faults });
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answers,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
