import { describeExamples } from '../support/describe-examples.ts';
import { whyNoQemu } from '../support/qemu-programs.ts';

/** One guest of each runtime is booted, the others are copies. None is restored ahead: each example is called a few times only. */
describeExamples('qemu', whyNoQemu(), () => ({ HEARTH_COPIES_AHEAD: '0' }));
