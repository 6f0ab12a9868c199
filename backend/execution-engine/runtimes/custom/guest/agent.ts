/** The agent of the `custom` runtime: one file without dependencies. It speaks docs/protocol.md with the host and the Lambda Runtime API with `bootstrap`. */

import { openStream } from '../../nodejs/guest/channel.ts';
import { BootstrapBackend } from './bootstrap-backend.ts';
import { ProxyAgent } from './proxy-agent.ts';

const address = process.env['HEARTH_CHANNEL'];
if (address === undefined || address === '') {
  process.stderr.write('HEARTH_CHANNEL is not set: the driver must say where the host listens, for example fd:3\n');
  process.exit(64);
}
// Where nothing is mounted (isolation level unsandboxed) the driver says where the code really is.
const codeDirectory = process.env['HEARTH_CODE_DIRECTORY'];
for (const name of Object.keys(process.env)) if (name.startsWith('HEARTH_')) delete process.env[name];
const backend = new BootstrapBackend();
void backend.listen().then(() => new ProxyAgent(openStream(address), backend, __filename, codeDirectory).start());
