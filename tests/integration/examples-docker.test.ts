import { describeExamples } from '../support/describe-examples.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';

const dockerHost = process.env['DOCKER_HOST'] ?? '';
describeExamples('docker', await whyNoEngine(dockerHost), () => ({ HEARTH_DOCKER_HOST: dockerHost }));
