import type { PreparedImage } from '../../core/ports/isolation-driver.ts';
import type { SecretSource } from '../../core/ports/secrets.ts';
import type { VersionSpec } from '../../core/version.ts';

/** What a version that is a container image starts from, or undefined for one that is a bundle. Throws what `SecretSource.open` throws. */
export function containerImageOf(version: VersionSpec, secrets: SecretSource): PreparedImage | undefined {
  const { image, env, memoryMb, handler } = version.config;
  if (image === null) return undefined;
  const { protocol, port } = image;
  return {
    digest: version.digest,
    directory: '',
    sizeBytes: 0,
    fileCount: 0,
    container: {
      protocol,
      port,
      readinessPath: image.readinessPath ?? undefined,
      // The names are those that AWS Lambda gives to the entry points of images.
      env: {
        ...env,
        // No INIT reaches these programs; a program that speaks our protocol gets its secrets with that, and they stay out of the daemon's records.
        ...(protocol === 'agent' ? {} : secrets.open(version).env),
        ...(protocol === 'http' ? { PORT: String(port) } : {}),
        AWS_LAMBDA_FUNCTION_NAME: version.functionName,
        AWS_LAMBDA_FUNCTION_VERSION: String(version.version),
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
        ...(protocol === 'lambda'
          ? {
              AWS_LAMBDA_LOG_GROUP_NAME: `/hearth/${version.functionName}`,
              AWS_LAMBDA_LOG_STREAM_NAME: String(version.version),
              AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
              _HANDLER: handler,
            }
          : {}),
      },
    },
  };
}
