import { describeDocker } from './docker-suite.ts';

describeDocker('docker', () => process.env['DOCKER_HOST'] ?? '');
