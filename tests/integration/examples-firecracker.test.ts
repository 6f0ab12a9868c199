import { accessSync, chmodSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { describeExamples } from '../support/describe-examples.ts';
import { installFakeFirecracker } from '../support/fake-firecracker.ts';
import { whyNoSpec } from '../support/firecracker-spec.ts';

const directory = mkdtempSync(join(tmpdir(), 'hearth-fc-examples-'));
chmodSync(directory, 0o711);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'the jailer needs root';
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'the probe opens /dev/kvm, which is not there';
  }
  return whyNoSpec();
}

// The real platform and the real agents, in guests of a fake Firecracker.
describeExamples('firecracker', whyNot(), () => {
  const { firecrackerPath, jailerPath } = installFakeFirecracker(directory);
  return { HEARTH_FIRECRACKER_PATH: firecrackerPath, HEARTH_FIRECRACKER_JAILER_PATH: jailerPath };
});
