import type { Timing } from '../../../shared/invocation.ts';
import { type ByteReader, type ByteWriter, badEncoding } from '../../util/byte-codec.ts';
import { DdSketch } from './dd-sketch.ts';

const phases = ['queuedMs', 'bootMs', 'loadMs', 'initMs'] as const satisfies readonly (keyof Timing)[];
type Phase = (typeof phases)[number];

/** How long each phase of cold starts took, one value per start. Adds up exactly, as `Measurement` does. */
export class ColdPhases {
  readonly #sketches: Readonly<Record<Phase, DdSketch>> = {
    queuedMs: new DdSketch(),
    bootMs: new DdSketch(),
    loadMs: new DdSketch(),
    initMs: new DdSketch(),
  };

  of(phase: Phase): DdSketch {
    return this.#sketches[phase];
  }

  add(timing: Timing): void {
    for (const phase of phases) {
      const ms = timing[phase];
      // Every start counts in every phase; what is no number took no time.
      this.#sketches[phase].add(Number.isNaN(ms) ? 0 : ms);
    }
  }

  merge(other: ColdPhases): void {
    for (const phase of phases) this.#sketches[phase].merge(other.#sketches[phase]);
  }

  /** Undefined: as an empty sketch, which says that no others follow. */
  static encode(value: ColdPhases | undefined, writer: ByteWriter): void {
    if (value === undefined) new DdSketch().encode(writer);
    else for (const phase of phases) value.#sketches[phase].encode(writer);
  }

  /** Undefined where there was no cold start. Throws `internal`/`bad_encoding` for anything that `encode` cannot have written. */
  static decode(reader: ByteReader): ColdPhases | undefined {
    const found = new ColdPhases();
    const { count } = decodeInto(found.#sketches.queuedMs, reader);
    if (count === 0) return undefined;
    for (const phase of phases.slice(1)) {
      const sketch = decodeInto(found.#sketches[phase], reader);
      if (sketch.count !== count) throw badEncoding('the phases count different cold starts');
    }
    return found;
  }
}

function decodeInto(sketch: DdSketch, reader: ByteReader): DdSketch {
  sketch.mergeEncoded(reader);
  return sketch;
}
