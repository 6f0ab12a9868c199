import type { Clock } from './ports/clock.ts';
import { sleepOn } from './sleep.ts';

/** setTimeout takes 32 bits: a longer delay would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** The host's clocks. Timers are unref'd: they never keep the process alive on their own. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  /** A negative or NaN delay counts as 0; one beyond 2^31 ms is waited for in parts. */
  after(ms: number, run: () => void): () => void {
    let timer: NodeJS.Timeout;
    let leftMs = ms > 0 ? ms : 0;
    const arm = () => {
      const partMs = Math.min(leftMs, maxTimerMs);
      leftMs -= partMs;
      timer = setTimeout(leftMs > 0 ? arm : run, partMs);
      timer.unref();
    };
    arm();
    return () => clearTimeout(timer);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }
}
