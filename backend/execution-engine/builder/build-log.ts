import type { BuildStepName } from '../../../shared/api/builds.ts';
import type { BuildWatcher } from '../../core/ports/build-watcher.ts';

const maxLines = 2000;
const maxLineChars = 2000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal escapes and control characters are what is removed
const escapes = /\u001b\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** The lines of one build, bounded: tools that talk without end cost no memory, and the reader learns that lines are missing. */
export class BuildLog {
  readonly #lines: string[] = [];
  readonly #watcher: BuildWatcher;
  #isCut = false;

  constructor(watcher: BuildWatcher) {
    this.#watcher = watcher;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Lines from now on are of this step. */
  begin(step: BuildStepName): void {
    this.#watcher.step(step);
  }

  add(text: string): void {
    for (const raw of text.split('\n')) {
      if (this.#isCut) return;
      const clean = raw.replace(escapes, '');
      if (this.#lines.length === maxLines) {
        this.#isCut = true;
        this.#push(`(more than ${maxLines} lines; the rest is left out)`);
      } else {
        this.#push(clean.length > maxLineChars ? `${clean.slice(0, maxLineChars)}…` : clean);
      }
    }
  }

  #push(line: string): void {
    this.#lines.push(line);
    this.#watcher.line(line);
  }
}
