/**
 * The agent of functions that are a container image: one file without dependencies, which runs beside the image's container and shares its
 * network, a loopback of their own. It speaks docs/protocol.md with the host, and HTTP or the Lambda Runtime API with the image's program.
 */

import { ProxyAgent } from '../../custom/guest/proxy-agent.ts';
import { openStream } from '../../nodejs/guest/channel.ts';
import { HttpBackend } from './http-backend.ts';
import { LambdaBackend } from './lambda-backend.ts';

const address = process.env['HEARTH_CHANNEL'];
const protocol = process.env['HEARTH_IMAGE_PROTOCOL'];
const port = Number(process.env['HEARTH_IMAGE_PORT']);
const readinessPath = process.env['HEARTH_IMAGE_READINESS_PATH'];
if (address === undefined || address === '') {
  process.stderr.write(
    'HEARTH_CHANNEL is not set: the driver must say where the host listens, for example unix:/path\n',
  );
  process.exit(64);
}
const backend = protocol === 'lambda' ? new LambdaBackend(port) : new HttpBackend(port, readinessPath);
// The image's program is started when the channel is connected, so whatever it reaches here must be there before.
void backend.listen().then(() => new ProxyAgent(openStream(address), backend, __filename, undefined).start());
