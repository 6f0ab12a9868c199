import { isOver } from '../../../shared/build-states.ts';
import type { Builds } from '../../control-plane/builds.ts';
import type { StoredBuild, StoredLine } from '../../core/ports/build-store.ts';
import { buildDocument, buildLine } from '../build-documents.ts';
import type { EventStream } from '../sse.ts';

/** How far a build is, and its lines so far. */
interface Progress {
  readonly build: StoredBuild;
  readonly lines: readonly StoredLine[];
}

/** What `Last-Event-ID` says: so many lines are known. What is no id of ours is 0. */
export function linesKnown(lastEventId: string | string[] | undefined): number {
  return typeof lastEventId === 'string' && /^\d{1,6}$/.test(lastEventId) ? Number(lastEventId) : 0;
}

/**
 * Streams a build: events `build` (whenever it changes), `line` (each once and in order, from that after `known` on), and at last `end`. A slow
 * reader makes it wait, and loses nothing.
 */
export async function followBuild(
  builds: Pick<Builds, 'active' | 'log'>,
  stream: EventStream,
  { project, id }: { readonly project: string; readonly id: string },
  known: number,
): Promise<void> {
  const active = builds.active(project, id);
  const stored = active === undefined ? await builds.log(project, id) : undefined;
  const feed = new BuildFeed(stream, known, () =>
    active === undefined ? (stored as Progress) : { build: active.record, lines: active.lines },
  );
  if (active !== undefined) stream.onClose(active.onChange(() => feed.send()));
  stream.onDrain(() => feed.send());
  feed.send();
}

class BuildFeed {
  readonly #stream: EventStream;
  readonly #progress: () => Progress;
  #known: number;
  #sent: StoredBuild | undefined;

  constructor(stream: EventStream, known: number, progress: () => Progress) {
    this.#stream = stream;
    this.#known = known;
    this.#progress = progress;
  }

  /** Sends what is new, as far as the reader takes it. */
  send(): void {
    if (this.#stream.isBlocked) return;
    const { build, lines } = this.#progress();
    if (this.#sent !== build && !isOver(build.state)) this.#write('build', undefined, buildDocument(build));
    this.#sent = build;
    for (let line = lines[this.#known]; line !== undefined && !this.#stream.isBlocked; line = lines[this.#known]) {
      this.#write('line', String(this.#known + 1), buildLine(line, this.#known));
      this.#known++;
    }
    if (!isOver(build.state) || this.#known < lines.length || this.#stream.isBlocked) return;
    this.#write('end', undefined, buildDocument(build));
    this.#stream.end();
  }

  #write(event: string, id: string | undefined, data: object): void {
    this.#stream.write(event, id, JSON.stringify(data));
  }
}
