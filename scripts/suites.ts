/** In which order, and beside what, files of tests run; see vitest.config.ts. */

/**
 * Files that have the host for themselves, once the others of their suite have ended: they look at networks, rules and listeners of all of it, take all of
 * its processors, or tell by a clock what it did.
 */
export const alone = {
  drivers: [
    'tests/conformance/docker-egress.test.ts',
    'tests/conformance/qemu-egress.test.ts',
    'tests/conformance/packet-rates.test.ts',
    'tests/conformance/process-attacks.test.ts',
  ],
  integration: ['tests/integration/timing.test.ts'],
  e2e: ['tests/e2e/quality-bars.test.ts'],
  faults: ['tests/faults/busy-host.test.ts', 'tests/faults/connections.test.ts', 'tests/faults/hostile.test.ts'],
} as const;

/** What takes longest goes first, in this order, so that no processor is idle while the last file runs. Emulated machines are beside what is none. */
export const longest: readonly string[] = [
  ...['tests/test-report', 'backend/database/migrations/every-schema', 'backend/backup/backup'],
  ...['backend/gateway/server', 'tests/import-direction'],
  ...['tests/conformance/qemu-driver', 'tests/conformance/docker-socket-proxy', 'tests/conformance/podman'],
  ...['tests/integration/examples-qemu', 'tests/integration/container-images', 'tests/integration/examples-docker'],
  ...['tests/integration/egress-levels', 'tests/integration/scheduler', 'tests/integration/examples-firecracker'],
  ...['tests/integration/builder', 'tests/integration/api-contract', 'tests/integration/qemu-snapshots'],
  ...['tests/e2e/pages', 'tests/e2e/dashboard', 'tests/e2e/function-page'],
  ...['tests/faults/power-cut', 'tests/faults/kill-loop', 'tests/faults/docker', 'tests/faults/qemu'],
].map((file) => `${file}.test.ts`);
