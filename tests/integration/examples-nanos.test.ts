import { describeExamples } from '../support/describe-examples.ts';

const home = process.env['HEARTH_NANOS_HOME'] ?? '';
const reason = home === '' ? 'HEARTH_NANOS_HOME names no release of Nanos (scripts/setup_nanos.sh)' : undefined;

describeExamples('nanos', reason, () => ({ HEARTH_NANOS_HOME: home }), {
  'shell-report': 'a unikernel has one process',
});
