import type UPlot from 'uplot';

export interface PlotSize {
  readonly width: number;
  readonly height: number;
}

export interface PlotViewOptions {
  /** Makes the plot, with what it shows now, and draws it. */
  readonly make: (size: PlotSize) => Pick<UPlot, 'setSize' | 'setData' | 'destroy'>;
  /** What the plot shows now. */
  readonly data: () => UPlot.AlignedData;
  /** Runs something soon, in a task of its own. */
  readonly soon: (task: () => void) => void;
}

/** Keeps a plot up to date and draws no more often than that takes: once when it has a place, and once for each change of its size or of what it shows. */
export class PlotView {
  readonly #options: PlotViewOptions;
  #plot: ReturnType<PlotViewOptions['make']> | undefined;
  #size: PlotSize | undefined;
  #shown: readonly unknown[] = [];
  #isOver = false;

  constructor(options: PlotViewOptions) {
    this.#options = options;
  }

  /** Gives the plot its place; without width there is none. */
  fit({ width, height }: PlotSize): void {
    const before = this.#size;
    const size = { width: Math.round(width), height: Math.round(height) };
    if (size.width === 0 || (before?.width === size.width && before.height === size.height)) return;
    this.#size = size;
    if (before === undefined) this.#options.soon(() => this.#begin());
    else this.#plot?.setSize(size);
  }

  /** Says what the data and everything else that is drawn are made of; what is the same as before is not drawn anew. */
  show(parts: readonly unknown[]): void {
    const before = this.#shown;
    this.#shown = parts;
    const isSame = before.length === parts.length && parts.every((part, index) => part === before[index]);
    if (!isSame) this.#plot?.setData(this.#options.data());
  }

  end(): void {
    this.#isOver = true;
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  #begin(): void {
    if (!this.#isOver && this.#size !== undefined) this.#plot = this.#options.make(this.#size);
  }
}

const waiting: (() => void)[] = [];

/** Runs `task` soon. Each has a task of the browser to itself, so that a key or a click waits for one of them and not for all. */
export function inTurn(task: () => void): void {
  if (waiting.push(task) === 1) setTimeout(runNext);
}

function runNext(): void {
  try {
    waiting[0]?.();
  } finally {
    waiting.shift();
    if (waiting.length > 0) setTimeout(runNext);
  }
}
