/** The agent that runs inside a Node.js sandbox: one file without dependencies. It speaks docs/protocol.md with the host. */

import { Agent } from './agent-loop.ts';
import { openStream } from './channel.ts';

const address = process.env['HEARTH_CHANNEL'];
if (address === undefined || address === '') {
  process.stderr.write('HEARTH_CHANNEL is not set: the driver must say where the host listens, for example fd:3\n');
  process.exit(64);
}
// Where nothing is mounted (isolation level unsandboxed) the driver says where the code really is.
const codeDirectory = process.env['HEARTH_CODE_DIRECTORY'];
// Where the stream is no descriptor of ours, this shows the host who calls.
const key = process.env['HEARTH_CHANNEL_KEY'];
// Its version is not known yet: the time until then is used.
const waits = process.env['HEARTH_WAITS'] !== undefined;
for (const name of Object.keys(process.env)) if (name.startsWith('HEARTH_')) delete process.env[name];
new Agent(openStream(address, key), __filename, codeDirectory).start(waits);
