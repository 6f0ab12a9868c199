import type { Message, TransformFailure, TransformOptions, TransformResult } from 'esbuild';
import type { BuildError } from '../../../shared/api/build-errors.ts';
import { columnOf, headlineOf, sourcesRefused } from './build-errors.ts';

const defaultIdleMs = 10_000;

export interface EsbuildTransformerOptions {
  /** esbuild's own process is stopped after this long without work; it would cost some 15 MiB for ever. */
  readonly idleMs?: number;
}

/**
 * Text to text with esbuild, loaded on first use. Only `transform`, which reads no files: bundling reads whatever an import,
 * a tsconfig or a source map names, so it happens in the build sandbox.
 */
export class EsbuildTransformer {
  readonly #idleMs: number;
  #active = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: EsbuildTransformerOptions = {}) {
    this.#idleMs = options.idleMs ?? defaultIdleMs;
  }

  /** Rejects with `unprocessable`/`build_failed` naming file:line:column and showing the line. */
  async transform(text: string, options: TransformOptions & { readonly sourcefile: string }): Promise<TransformResult> {
    this.#active++;
    clearTimeout(this.#timer);
    const esbuild = await import('esbuild');
    try {
      return await esbuild.transform(text, { ...options, logLevel: 'silent' });
    } catch (error) {
      throw isTransformFailure(error) ? failureOf(error.errors, error) : error;
    } finally {
      this.#active--;
      if (this.#active === 0) {
        this.#timer = setTimeout(() => void this.stop(), this.#idleMs);
        this.#timer.unref();
      }
    }
  }

  /** Ends esbuild's process. The next transform starts a new one. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#active > 0) return;
    const esbuild = await import('esbuild');
    await esbuild.stop();
  }
}

function isTransformFailure(error: unknown): error is TransformFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

function failureOf(errors: readonly Message[], cause: Error) {
  const shown = errors.slice(0, 10);
  const text = shown.map(formatMessage).join('\n\n') || cause.message;
  return sourcesRefused(shown.flatMap(placeOf), text, cause);
}

function placeOf({ location, text }: Message): readonly BuildError[] {
  if (location === null) return [];
  const { file, line, lineText, column } = location;
  return [{ file, line, column: columnOf(lineText, column), text }];
}

/** Like a compiler: `file:line:column: message`, the line, and a mark below the place. */
function formatMessage(message: Message): string {
  const [place] = placeOf(message);
  if (place === undefined || message.location === null) return message.text;
  const line = message.location.lineText.slice(0, 200);
  const start = Math.min((place.column ?? 1) - 1, line.length);
  const mark = `${' '.repeat(start)}${'^'.repeat(Math.max(1, Math.min(message.location.length, line.length - start)))}`;
  return `${headlineOf(place)}\n  ${line}\n  ${mark}`;
}
