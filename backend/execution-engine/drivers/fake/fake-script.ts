import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../../../../shared/errors.ts';
import type { PreparedImage, SandboxSpec } from '../../../core/ports/isolation-driver.ts';
import type { OutputLine, ResourceUsage } from '../../../core/ports/sandbox.ts';

export type FakeStep = 'create' | 'connect' | 'specialise' | 'usage' | 'pause' | 'resume' | 'destroy';

/** What the code "inside" a fake sandbox can see and do. */
export interface FakeBody {
  readonly spec: SandboxSpec;
  /** The image of the spec, or the one that `specialise` brought. */
  image(): PreparedImage | undefined;
  /** Resolves once there is an image. */
  specialised(): Promise<PreparedImage>;
  print(stream: OutputLine['stream'], text: string): void;
  /** Ends the sandbox as if its main process had exited. */
  exit(code: number): void;
  /** Ends it by a signal, for example `SIGKILL`. */
  kill(signal: string): void;
  /** Ends it as the kernel does when memory runs out. */
  outOfMemory(): void;
}

/** What one fake sandbox does. Every field is optional; without any it lives and is silent. */
export interface FakeScript {
  /** The agent side of the channel; called once, when the host connects. Speak the instance protocol here. */
  readonly agent?: (channel: Duplex, body: FakeBody) => void;
  /** Waits before a step takes effect, milliseconds. An abort signal ends the wait. */
  readonly delayMs?: Partial<Record<FakeStep, number>>;
  /** Steps that reject: with this error, or with `unavailable` / `fake_failure` for `true`. */
  readonly fail?: Partial<Record<FakeStep, PlatformError | true>>;
  /** Steps that never finish, except by their abort signal. A step without a signal ends with the sandbox only in the guard. */
  readonly hang?: readonly FakeStep[];
  /** A function is asked every time. */
  readonly usage?: ResourceUsage | (() => ResourceUsage);
}

/** Delay, hang or failure of one step as the script has it. */
export async function runStep(script: FakeScript, step: FakeStep, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) throw abortedError(step);
  if (script.hang?.includes(step)) await untilAborted(step, signal);
  const waitMs = script.delayMs?.[step];
  if (waitMs !== undefined) {
    try {
      await delay(waitMs, undefined, signal === undefined ? {} : { signal });
    } catch {
      throw abortedError(step);
    }
  }
  const failure = script.fail?.[step];
  if (failure !== undefined) {
    throw failure === true ? new PlatformError('unavailable', 'fake_failure', `the script lets ${step} fail`) : failure;
  }
}

function untilAborted(step: FakeStep, signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(abortedError(step)), { once: true });
  });
}

function abortedError(step: FakeStep): PlatformError {
  return new PlatformError('unavailable', 'aborted', `${step} was aborted`);
}
