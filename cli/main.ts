import packageJson from '../package.json' with { type: 'json' };
import { runCli } from './program.ts';

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `hearth logs | head` closes the pipe: not an error.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCli({
  argv: process.argv.slice(2),
  environment: process.env,
  directory: process.cwd(),
  streams: { stdout: process.stdout, stderr: process.stderr, stdin: process.stdin },
  signal: interrupted.signal,
  version: packageJson.version,
});
