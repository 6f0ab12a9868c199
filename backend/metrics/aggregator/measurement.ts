import { isColdStart, isStartLayer, type StartLayer, startLayers } from '../../../shared/invocation.ts';
import type { InvocationReport } from '../../core/invocation.ts';
import { type IoUsage, ioFields } from '../../core/ports/sandbox.ts';
import { ByteReader, type ByteWriter, badEncoding } from '../../util/byte-codec.ts';
import { ColdPhases } from './cold-phases.ts';
import { DdSketch } from './dd-sketch.ts';
import { errorKindOf } from './error-kind.ts';
import { type GaugeSample, GaugeSums } from './gauge-sums.ts';

/** Version 1 had no starts by layer, version 2 no network, disk and batches, version 3 no shared calls, version 4 no gauges, version 5 no memory of instances, version 6 no refusals, version 7 no phases of cold starts; they are still read. */
const formatVersion = 8;
/** Kinds are a closed set of ours; the bounds keep a damaged point from becoming a large one. */
const maxErrorKinds = 64;
const maxErrorKindBytes = 64;
const withoutErrors: ReadonlyMap<string, number> = new Map();
const noStarts = () => startLayers.map(() => 0);

/**
 * What happened in one span of time: counters and sketches. Adds up exactly, so seconds become steps, steps become roll-ups,
 * and the percentiles of any of them are those of all invocations in it.
 */
export class Measurement {
  invocations = 0;
  errors = 0;
  throttles = 0;
  /** Calls that were refused before they ran, for another reason than a limit; they are no invocations. */
  refusals = 0;
  coldStarts = 0;
  /** Sums over the cold starts. */
  bootMs = 0;
  loadMs = 0;
  initMs = 0;
  cpuMs = 0;
  /** The largest of any invocation. */
  peakMemoryBytes = 0;
  requestBytes = 0;
  responseBytes = 0;
  /** Times that calls of a function with batches went to an instance, how many calls that were, and what the first of each waited. */
  batches = 0;
  batchedInvocations = 0;
  batchWaitMs = 0;
  /** Calls that were answered with the response of another one; they are no invocations. */
  sharedCalls = 0;
  /** Of the instances, where the driver can tell; not of single invocations. */
  networkReceivedBytes = 0;
  networkSentBytes = 0;
  diskReadBytes = 0;
  diskWrittenBytes = 0;
  /** By place in `startLayers`. Undefined: every call found a warm instance. */
  #starts: number[] | undefined;
  #errorsByKind: Map<string, number> | undefined;
  #total: DdSketch | undefined;
  #queued: DdSketch | undefined;
  #handler: DdSketch | undefined;
  #cold: DdSketch | undefined;
  #coldPhases: ColdPhases | undefined;
  #memory: DdSketch | undefined;
  #gauges: GaugeSums | undefined;

  /** No call came and nothing moved; what was there may have been looked at. */
  get isQuiet(): boolean {
    return (
      this.invocations + this.throttles + this.refusals + this.batches + this.sharedCalls === 0 &&
      ioFields.every((field) => this[field] === 0)
    );
  }
  /** Nothing happened, and nobody looked. */
  get isEmpty(): boolean {
    return this.isQuiet && this.#gauges === undefined && this.#memory === undefined;
  }
  get errorsByKind(): ReadonlyMap<string, number> {
    return this.#errorsByKind ?? withoutErrors;
  }
  /** First calls of instances, by the layer that these came from. */
  starts(layer: StartLayer): number {
    return this.#starts?.[startLayers.indexOf(layer)] ?? 0;
  }
  /** Of what the caller saw. Undefined: nothing happened. */
  get total(): DdSketch | undefined {
    return this.#total;
  }
  get queued(): DdSketch | undefined {
    return this.#queued;
  }
  /** Of invocations that reached a handler. */
  get handler(): DdSketch | undefined {
    return this.#handler;
  }
  /** Of the time that cold starts took to obtain their instance. */
  get cold(): DdSketch | undefined {
    return this.#cold;
  }
  /** Undefined: no cold start, or none since their phases are kept. */
  get coldPhases(): ColdPhases | undefined {
    return this.#coldPhases;
  }
  /** Bytes that instances held, one value each time that one was looked at. */
  get memory(): DdSketch | undefined {
    return this.#memory;
  }
  /** Only in the series of the host. Undefined: nobody looked. */
  get gauges(): GaugeSums | undefined {
    return this.#gauges;
  }

  addInvocation(report: InvocationReport): void {
    const { timing, usage } = report;
    this.invocations++;
    const errorKind = errorKindOf(report.outcome, report.httpStatus);
    if (errorKind !== undefined) this.#addErrors(errorKind, 1);
    this.#total ??= new DdSketch();
    this.#total.add(timing.totalMs);
    this.#queued ??= new DdSketch();
    this.#queued.add(timing.queuedMs);
    if (report.instanceId !== undefined) {
      this.#handler ??= new DdSketch();
      this.#handler.add(timing.handlerMs);
    }
    if (isStartLayer(report.start)) this.#addStarts(startLayers.indexOf(report.start), 1);
    if (isColdStart(report.start)) {
      this.coldStarts++;
      this.#cold ??= new DdSketch();
      this.#cold.add(timing.acquireMs);
      this.#coldPhases ??= new ColdPhases();
      this.#coldPhases.add(timing);
      this.bootMs += amount(timing.bootMs);
      this.loadMs += amount(timing.loadMs);
      this.initMs += amount(timing.initMs);
    }
    this.cpuMs += amount(usage.cpuMs);
    this.requestBytes += amount(usage.requestBytes);
    this.responseBytes += amount(usage.responseBytes);
    if (usage.peakMemoryBytes > this.peakMemoryBytes) this.peakMemoryBytes = amount(usage.peakMemoryBytes);
  }

  /** What an instance moved since it was last asked. */
  addIo(io: IoUsage): void {
    for (const field of ioFields) this[field] += amount(io[field]);
  }

  /** What an instance holds now. */
  addMemory(bytes: number): void {
    this.#memory ??= new DdSketch();
    this.#memory.add(amount(bytes));
  }

  addBatch(size: number, waitMs: number): void {
    this.batches++;
    this.batchedInvocations += size;
    this.batchWaitMs += amount(waitMs);
  }

  addSharedCall(): void {
    this.sharedCalls++;
  }

  addThrottle(): void {
    this.throttles++;
  }

  addRefusal(): void {
    this.refusals++;
  }

  addGauges(sample: GaugeSample): void {
    this.#gauges ??= new GaugeSums();
    this.#gauges.add(sample);
  }

  merge(other: Measurement): void {
    this.#mergeCounts(other);
    this.#total = merged(this.#total, other.#total);
    this.#queued = merged(this.#queued, other.#queued);
    this.#handler = merged(this.#handler, other.#handler);
    this.#cold = merged(this.#cold, other.#cold);
    this.#memory = merged(this.#memory, other.#memory);
    this.#mergeGauges(other.#gauges);
    this.#mergeColdPhases(other.#coldPhases);
  }

  /**
   * Like merging what `decode` makes of the bytes, without making its sketches: to add up an hour of a thousand functions took
   * most of its time for those. Throws like `decode`, and has added nothing then.
   */
  mergeEncoded(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes);
    const counts = new Measurement();
    const version = counts.#decodeCounts(reader);
    const { offset } = reader;
    for (let i = 0; i < (version >= 6 ? 5 : 4); i++) DdSketch.skip(reader);
    const gauges = version >= 5 ? GaugeSums.decode(reader) : undefined;
    const coldPhases = version >= 8 ? ColdPhases.decode(reader) : undefined;
    reader.end();
    this.#mergeCounts(counts);
    this.#mergeGauges(gauges);
    this.#mergeColdPhases(coldPhases);
    const sketches = new ByteReader(bytes, offset);
    this.#total = mergedEncoded(this.#total, sketches);
    this.#queued = mergedEncoded(this.#queued, sketches);
    this.#handler = mergedEncoded(this.#handler, sketches);
    this.#cold = mergedEncoded(this.#cold, sketches);
    if (version >= 6) this.#memory = mergedEncoded(this.#memory, sketches);
  }

  #mergeCounts(other: Measurement): void {
    this.invocations += other.invocations;
    this.throttles += other.throttles;
    this.refusals += other.refusals;
    this.coldStarts += other.coldStarts;
    this.bootMs += other.bootMs;
    this.loadMs += other.loadMs;
    this.initMs += other.initMs;
    this.cpuMs += other.cpuMs;
    this.requestBytes += other.requestBytes;
    this.responseBytes += other.responseBytes;
    this.batches += other.batches;
    this.batchedInvocations += other.batchedInvocations;
    this.batchWaitMs += other.batchWaitMs;
    this.sharedCalls += other.sharedCalls;
    for (const field of ioFields) this[field] += other[field];
    if (other.peakMemoryBytes > this.peakMemoryBytes) this.peakMemoryBytes = other.peakMemoryBytes;
    for (const [layer, count] of (other.#starts ?? []).entries()) this.#addStarts(layer, count);
    for (const [kind, count] of other.errorsByKind) this.#addErrors(kind, count);
  }

  #mergeGauges(other: GaugeSums | undefined): void {
    if (other === undefined) return;
    this.#gauges ??= new GaugeSums();
    this.#gauges.merge(other);
  }

  #mergeColdPhases(other: ColdPhases | undefined): void {
    if (other === undefined) return;
    this.#coldPhases ??= new ColdPhases();
    this.#coldPhases.merge(other);
  }

  /** Version; counters; starts by layer; network, disk, batches, shared calls and refusals; errors by kind; the five sketches, an absent one as an empty one; gauges; phases of cold starts. */
  encode(writer: ByteWriter): void {
    writer.byte(formatVersion);
    writer.varint(this.invocations);
    writer.varint(this.throttles);
    writer.varint(this.coldStarts);
    if (this.coldStarts > 0) for (const ms of [this.bootMs, this.loadMs, this.initMs]) writer.double(ms);
    for (const count of this.#starts ?? noStarts()) writer.varint(count);
    for (const field of ioFields) writer.varint(whole(this[field]));
    writer.varint(this.batches);
    if (this.batches > 0) {
      writer.varint(this.batchedInvocations);
      writer.double(this.batchWaitMs);
    }
    writer.varint(this.sharedCalls);
    writer.varint(this.refusals);
    writer.double(this.cpuMs);
    for (const bytes of [this.peakMemoryBytes, this.requestBytes, this.responseBytes]) writer.varint(whole(bytes));
    writer.varint(this.errorsByKind.size);
    for (const [kind, count] of this.errorsByKind) {
      writer.text(kind);
      writer.varint(count);
    }
    const sketches = [this.#total, this.#queued, this.#handler, this.#cold, this.#memory];
    for (const sketch of sketches) (sketch ?? empty).encode(writer);
    (this.#gauges ?? noGauges).encode(writer);
    ColdPhases.encode(this.#coldPhases, writer);
  }

  /** Throws `internal`/`bad_encoding` for anything that `encode` cannot have written. */
  static decode(bytes: Uint8Array, start = 0, end = bytes.length): Measurement {
    const reader = new ByteReader(bytes, start, end);
    const measurement = new Measurement();
    const version = measurement.#decodeCounts(reader);
    measurement.#total = present(DdSketch.decode(reader));
    measurement.#queued = present(DdSketch.decode(reader));
    measurement.#handler = present(DdSketch.decode(reader));
    measurement.#cold = present(DdSketch.decode(reader));
    if (version >= 6) measurement.#memory = present(DdSketch.decode(reader));
    if (version >= 5) measurement.#gauges = GaugeSums.decode(reader);
    if (version >= 8) measurement.#coldPhases = ColdPhases.decode(reader);
    reader.end();
    return measurement;
  }

  /** Like `decode`, but the counters alone, for lists; what is read next is the sketch of `total`. */
  static decodeCounts(reader: ByteReader): Measurement {
    const measurement = new Measurement();
    measurement.#decodeCounts(reader);
    return measurement;
  }

  /** Everything before the first sketch; returns the version of the format. */
  #decodeCounts(reader: ByteReader): number {
    const version = reader.byte();
    if (version < 1 || version > formatVersion) throw badEncoding('the measurement has an unknown version');
    this.invocations = reader.varint();
    this.throttles = reader.varint();
    this.coldStarts = reader.varint();
    if (this.coldStarts > 0) {
      this.bootMs = reader.amount();
      this.loadMs = reader.amount();
      this.initMs = reader.amount();
    }
    if (version >= 2) for (const layer of startLayers.keys()) this.#addStarts(layer, reader.varint());
    if (version >= 3) this.#decodeIoAndBatches(reader);
    if (version >= 4) this.sharedCalls = reader.varint();
    if (version >= 7) this.refusals = reader.varint();
    this.cpuMs = reader.amount();
    this.peakMemoryBytes = reader.varint();
    this.requestBytes = reader.varint();
    this.responseBytes = reader.varint();
    this.#decodeErrors(reader);
    return version;
  }

  #decodeIoAndBatches(reader: ByteReader): void {
    for (const field of ioFields) this[field] = reader.varint();
    this.batches = reader.varint();
    if (this.batches === 0) return;
    this.batchedInvocations = reader.varint();
    this.batchWaitMs = reader.amount();
  }

  #decodeErrors(reader: ByteReader): void {
    const kinds = reader.varint();
    if (kinds > maxErrorKinds) throw badEncoding('the measurement has too many kinds of errors');
    for (let i = 0; i < kinds; i++) {
      const kind = reader.text(maxErrorKindBytes);
      if (this.#errorsByKind?.has(kind)) throw badEncoding('a kind of error comes twice');
      this.#addErrors(kind, reader.varint());
      if (!this.#errorsByKind?.has(kind)) throw badEncoding('the last kind of error is not the rest');
    }
    if (!Number.isSafeInteger(this.errors)) throw badEncoding('the measurement counts too much');
  }

  #addStarts(layer: number, count: number): void {
    if (count === 0) return;
    this.#starts ??= noStarts();
    this.#starts[layer] = (this.#starts[layer] as number) + count;
  }

  #addErrors(kind: string, count: number): void {
    this.#errorsByKind ??= new Map();
    const seen = this.#errorsByKind.get(kind);
    const known = seen === undefined && this.#errorsByKind.size >= maxErrorKinds - 1 ? 'other' : kind;
    this.#errorsByKind.set(known, (this.#errorsByKind.get(known) ?? 0) + count);
    this.errors += count;
  }
}

const empty = new DdSketch();
const noGauges = new GaugeSums();

function merged(into: DdSketch | undefined, from: DdSketch | undefined): DdSketch | undefined {
  if (from === undefined) return into;
  const target = into ?? new DdSketch();
  target.merge(from);
  return target;
}

function mergedEncoded(into: DdSketch | undefined, reader: ByteReader): DdSketch | undefined {
  const target = into ?? new DdSketch();
  target.mergeEncoded(reader);
  return present(target);
}

function present(sketch: DdSketch): DdSketch | undefined {
  return sketch.count === 0 ? undefined : sketch;
}

/** What a report claims, made fit to be added up for 90 days: numbers from inside a sandbox may be anything. */
function amount(value: number): number {
  return value > 0 ? Math.min(value, 1e12) : 0;
}

function whole(value: number): number {
  return Math.min(Math.round(value), Number.MAX_SAFE_INTEGER);
}
