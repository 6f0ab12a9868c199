import { ApiClient } from './api-client.ts';
import { type Environment, loadProfile } from './profile.ts';
import { type Streams, Terminal } from './terminal.ts';

/** What every command gets: where it runs, what it may print to, and the API. */
export interface CliContext {
  readonly environment: Environment;
  readonly directory: string;
  readonly terminal: Terminal;
  readonly client: ApiClient;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Of the command line. */
  readonly version: string;
}

/** Made once the global options are known. */
export type ContextFactory = () => CliContext;

export function createContext(options: {
  readonly environment: Environment;
  readonly directory: string;
  readonly streams: Streams;
  readonly isJson: boolean;
  /** From `--project`. */
  readonly project: string | undefined;
  readonly signal: AbortSignal;
  readonly version: string;
}): CliContext {
  const profile = loadProfile(options.environment);
  return {
    environment: options.environment,
    directory: options.directory,
    terminal: new Terminal(options.streams, options.environment, options.isJson),
    client: new ApiClient({ ...profile, project: options.project ?? profile.project }),
    signal: options.signal,
    version: options.version,
  };
}
