import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { frames, RawAgent, type RawFrame } from './raw-agent.ts';

const agentPath = join(import.meta.dirname, '../../backend/execution-engine/runtimes/python/guest/agent.py');
const python = process.env['HEARTH_TEST_PYTHON'] ?? '/usr/bin/python3';

interface PythonReady {
  readonly style: string;
  readonly handlesBatch: boolean;
  readonly importMs: number;
  readonly initMs: number;
}

/** The real Python agent in a process without a sandbox, spoken to in frames. */
export class PythonAgent extends RawAgent {
  /** Where its code lies. */
  readonly code: string;

  private constructor(code: string) {
    super({ argv: [python, '-I', '-S', '-u', agentPath] });
    this.code = code;
  }

  static async start(): Promise<PythonAgent> {
    return new PythonAgent(await mkdtemp(join(tmpdir(), 'hearth-py-')));
  }

  /** INIT with `source` as main.py: READY, or ERROR. */
  async initWith(source: string, handler = 'main.handler', more: Record<string, unknown> = {}): Promise<RawFrame> {
    await writeFile(join(this.code, 'main.py'), source);
    return await this.init(this.code, handler, more);
  }

  /** As `initWith`; rejects when it does not load. */
  async load(source: string, handler?: string, more?: Record<string, unknown>): Promise<PythonReady> {
    const frame = await this.initWith(source, handler, more);
    if (frame.type === frames.error) throw new Error(frame.payload.toString());
    return JSON.parse(frame.payload.toString()) as PythonReady;
  }

  cancel(id: number, reason = 'deadline'): void {
    this.send(frames.cancel, id, JSON.stringify({ reason }));
  }

  /** Resolves when a handler has printed something that has this text. */
  async printed(text = ''): Promise<void> {
    await this.next(({ type, payload }) => type === frames.log && payload.includes(text));
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.code, { recursive: true, force: true });
  }
}
