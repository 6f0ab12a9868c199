import type { PullView } from '../../../../core/ports/container-images.ts';

interface Layer {
  readonly status: string;
  readonly currentBytes: number;
  readonly totalBytes: number;
}

const doneStatuses = /^(Pull complete|Already exists|Download complete)$/;
const layerId = /^[0-9a-f]{12}$/;

/** How far a pull is, from what the daemon says: documents `{status, id, progressDetail: {current, total}}`. */
export class PullProgress {
  readonly #reference: string;
  readonly #startedAt = Date.now();
  readonly #layers = new Map<string, Layer>();
  readonly #others: string[] = [];
  #status = 'Waiting';

  constructor(reference: string) {
    this.#reference = reference;
  }

  note(line: Readonly<Record<string, unknown>>): void {
    const status = String(line['status'] ?? '');
    const id = String(line['id'] ?? '');
    if (status === '') return;
    this.#status = status.slice(0, 200);
    if (!layerId.test(id)) {
      if (this.#others.length < 20) this.#others.push(this.#status);
      return;
    }
    const { current = 0, total = 0 } = (line['progressDetail'] ?? {}) as { current?: number; total?: number };
    const before = this.#layers.get(id);
    const totalBytes = Math.max(before?.totalBytes ?? 0, Number(total) || 0);
    const isDone = doneStatuses.test(status);
    // Extracting begins at 0 again: a layer does not go back.
    const currentBytes = isDone ? totalBytes : Math.max(before?.currentBytes ?? 0, Number(current) || 0);
    this.#layers.set(id, { status, currentBytes, totalBytes });
  }

  view(): PullView {
    const layers = [...this.#layers.values()];
    return {
      reference: this.#reference,
      startedAt: this.#startedAt,
      status: this.#status,
      layers: layers.length,
      layersDone: layers.filter((layer) => /^(Pull complete|Already exists)$/.test(layer.status)).length,
      currentBytes: layers.reduce((sum, layer) => sum + layer.currentBytes, 0),
      totalBytes: layers.reduce((sum, layer) => sum + layer.totalBytes, 0),
    };
  }

  /** For the log of the deploy. */
  summary(): readonly string[] {
    const { layers, totalBytes } = this.view();
    return [`pulled ${this.#reference}: ${layers} layers, ${(totalBytes / 1e6).toFixed(1)} MB`, ...this.#others];
  }
}
