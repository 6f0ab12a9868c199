import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { describeExamples } from '../support/describe-examples.ts';
import { fakeFirecrackerEnvironment, whyNoFakeFirecracker } from '../support/fake-firecracker.ts';

const directory = mkdtempSync(join(tmpdir(), 'hearth-fc-examples-'));
chmodSync(directory, 0o711);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

// The real platform and the real agents, in guests of a fake Firecracker.
describeExamples('firecracker', whyNoFakeFirecracker(), () => fakeFirecrackerEnvironment(directory));
