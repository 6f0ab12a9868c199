import { whyNoEngine } from './docker-daemon.ts';
import { whyNoQemu } from './qemu-programs.ts';

/** A level at which tests of hostile functions run, where this machine has it. */
export interface IsolationLevel {
  readonly isolation: 'process' | 'docker' | 'qemu' | 'firecracker' | 'nanos';
  /** Settings of a platform that offers it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Why it is left out here, or undefined. */
  readonly reason: string | undefined;
  /** A guest boots in seconds where there is no KVM, and the deadlines of rows are short. */
  readonly startsSlowly: boolean;
  /** Why functions at this level have no children to play with, or undefined. */
  readonly withoutChildren: string | undefined;
}

const dockerHost = process.env['DOCKER_HOST'] ?? '';
const firecracker = process.env['HEARTH_TEST_FIRECRACKER'] ?? '';
const nanosHome = process.env['HEARTH_NANOS_HOME'] ?? '';
const common = { startsSlowly: false, withoutChildren: undefined };

export const isolationLevels: readonly IsolationLevel[] = [
  { ...common, isolation: 'process', environment: {}, reason: undefined },
  {
    ...common,
    isolation: 'docker',
    environment: { HEARTH_DOCKER_HOST: dockerHost },
    reason: await whyNoEngine(dockerHost),
  },
  {
    ...common,
    isolation: 'qemu',
    environment: { HEARTH_QEMU: 'true' },
    reason:
      process.env['HEARTH_TEST_QEMU'] === '1'
        ? whyNoQemu()
        : 'takes minutes under emulation; HEARTH_TEST_QEMU=1 runs it',
    startsSlowly: true,
  },
  {
    ...common,
    isolation: 'firecracker',
    environment: { HEARTH_FIRECRACKER: 'true', HEARTH_FIRECRACKER_PATH: firecracker },
    reason: firecracker === '' ? 'HEARTH_TEST_FIRECRACKER names no firecracker' : undefined,
  },
  {
    isolation: 'nanos',
    environment: { HEARTH_NANOS_HOME: nanosHome },
    reason: nanosHome === '' ? 'HEARTH_NANOS_HOME names no release of Nanos (scripts/setup_nanos.sh)' : undefined,
    startsSlowly: true,
    withoutChildren: 'a unikernel has one process',
  },
];
