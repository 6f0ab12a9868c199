import { describeExamples } from '../support/describe-examples.ts';

/** Boots a dozen guests under emulation. */
const reason = process.env['HEARTH_TEST_QEMU'] === '1' ? undefined : 'takes minutes; HEARTH_TEST_QEMU=1 runs it';

describeExamples('qemu', reason, () => ({}));
