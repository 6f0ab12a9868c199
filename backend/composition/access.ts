import { projectOf } from '../../shared/names.ts';
import { accessOfRole, accessOfScope } from '../../shared/permissions.ts';
import { allProjects } from '../core/ports/user-store.ts';
import { GatewayAuthenticator } from '../gateway/auth/gateway-authenticator.ts';
import { CallGate } from '../gateway/call-gate.ts';
import { CallLimits } from '../gateway/call-limits.ts';
import { publicFetch } from '../util/public-fetch.ts';
import type { Parts } from './compose.ts';

const keySetFetch = { timeoutMs: 5000, maxBytes: 262_144 };

/** Who may call functions through the gateway, and how often. */
export function createCallGate({ settings, clock, logger, controlPlane, secrets }: Parts): CallGate {
  const { tokens, sessions } = controlPlane;
  const findToken = (secret: string) => {
    const token = tokens.authenticate(secret);
    if (token !== undefined) {
      const mayInvoke = (project: string) =>
        (token.project ?? project) === project && accessOfScope(token.scope, false).has('invoke');
      return { id: token.id, mayInvoke };
    }
    const user = sessions.authenticate(secret)?.user;
    if (user === undefined) return undefined;
    const mayInvoke = (project: string) =>
      user.roles.some(
        (held) => [project, allProjects].includes(held.project) && accessOfRole(held.role, false).has('invoke'),
      );
    return { id: user.id, mayInvoke };
  };
  const authenticator = new GatewayAuthenticator({
    clock,
    logger,
    findToken,
    // What the function sees in its environment: a variable of the version, or a secret that it lists.
    variableOf: ({ config, functionName }, name) =>
      config.env[name] ?? (config.secrets.includes(name) ? secrets.read(projectOf(functionName), name) : undefined),
    fetch: (url) => publicFetch(url, keySetFetch),
  });
  const limits = new CallLimits({ clock, perAddressAndMinute: settings.HEARTH_GATEWAY_REQUESTS_PER_MINUTE });
  return new CallGate({ authenticator, limits });
}
