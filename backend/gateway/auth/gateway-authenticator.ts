import type { KeyObject } from 'node:crypto';
import type { CallerAuth, JwtAuth, SignatureAuth } from '../../../shared/caller-auth.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { projectOf } from '../../../shared/names.ts';
import type { AuthenticatedCaller, CallerAuthenticator, CallerProof } from '../../core/ports/caller-authenticator.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { VersionSpec } from '../../core/version.ts';
import { claimFault, fitsAlgorithm, isSignedBy, type JwtParts, parseJwt } from './jwt.ts';
import { KeySets, keysOf } from './key-sets.ts';
import { SeenMessages } from './seen-messages.ts';
import { signatureKey, verifySignature } from './signature.ts';

export interface GatewayAuthenticatorOptions {
  readonly clock: Clock;
  /** A token of Hearth: its id, and whether it may call functions of a project; undefined when there is none. */
  readonly findToken: (secret: string) => { readonly id: string; mayInvoke(project: string): boolean } | undefined;
  /** The value of a variable or secret of a version. */
  readonly variableOf: (version: VersionSpec, name: string) => string | undefined;
  /** GETs a document from the public internet. */
  readonly fetch: (url: string) => Promise<Buffer>;
  readonly logger: { warn(detail: object, message: string): void };
}

const bearer = /^Bearer ([\x21-\x7e]{1,16384})$/i;

/** Tokens, signed messages and JSON Web Tokens at the gateway. */
export class GatewayAuthenticator implements CallerAuthenticator {
  readonly #options: GatewayAuthenticatorOptions;
  readonly #keySets: KeySets;
  readonly #seen: SeenMessages;
  /** Keys that stand in the configuration, read once per version. */
  readonly #inline = new WeakMap<JwtAuth, ReturnType<typeof keysOf>>();

  constructor(options: GatewayAuthenticatorOptions) {
    this.#options = options;
    this.#keySets = new KeySets(options);
    this.#seen = new SeenMessages({ clock: options.clock });
  }

  async check(version: VersionSpec, proof: CallerProof): Promise<AuthenticatedCaller> {
    const { auth } = version.config;
    if (auth === null) throw new PlatformError('internal', 'caller_not_asked', 'a public function asks nobody');
    switch (auth.type) {
      case 'token':
        return this.#token(version, proof);
      case 'signature':
        return this.#signature(version, auth, proof);
      case 'jwt':
        return this.#jwt(version, auth, proof);
    }
  }

  #token(version: VersionSpec, { authorization }: CallerProof): AuthenticatedCaller {
    const token = this.#options.findToken(bearer.exec(authorization ?? '')?.[1] ?? '');
    if (token === undefined) throw unknown(version.config.auth);
    if (token.mayInvoke(projectOf(version.functionName))) return { kind: 'token', id: token.id };
    throw new PlatformError('forbidden', 'caller_not_allowed', 'This token may not call this function.');
  }

  #signature(version: VersionSpec, auth: SignatureAuth, proof: CallerProof): AuthenticatedCaller {
    const { clock, logger, variableOf } = this.#options;
    const key = signatureKey(variableOf(version, auth.key) ?? '');
    if (key === undefined) {
      logger.warn({ function: version.functionName, key: auth.key }, 'the key of signed calls is missing or too short');
      throw new PlatformError('unavailable', 'keys_unavailable', 'The function cannot check its callers right now.');
    }
    const verdict = verifySignature(auth, key, proof, clock.now());
    if (!verdict.isValid) throw unknown(auth);
    // A sender that tries again keeps the id and signs a new time; the very same message is somebody else's.
    if (!this.#seen.isNew(`${version.functionId} ${verdict.messageId} ${proof.webhookTimestamp}`, verdict.expiresAt)) {
      throw new PlatformError('conflict', 'message_replayed', 'This very message was taken already.');
    }
    return { kind: 'signature', id: auth.key };
  }

  async #jwt(version: VersionSpec, auth: JwtAuth, { authorization }: CallerProof): Promise<AuthenticatedCaller> {
    const token = parseJwt(auth, bearer.exec(authorization ?? '')?.[1] ?? '');
    if (typeof token === 'string') throw unknown(auth);
    const keys = await this.#keysFor(auth, token);
    if (keys === undefined) {
      this.#options.logger.warn(
        { function: version.functionName, url: auth.jwksUrl },
        'keys of an issuer are not available',
      );
      throw new PlatformError('unavailable', 'keys_unavailable', 'The function cannot check its callers right now.');
    }
    if (!keys.some((key) => isSignedBy(token, key))) throw unknown(auth);
    if (claimFault(auth, token.claims, this.#options.clock.now()) !== undefined) throw unknown(auth);
    return { kind: 'jwt', id: String(token.claims['sub'] ?? '') };
  }

  async #keysFor(auth: JwtAuth, { keyId, algorithm }: JwtParts): Promise<readonly KeyObject[] | undefined> {
    const isWanted = (known: { readonly keyId: string | undefined; readonly key: KeyObject }) =>
      fitsAlgorithm(known.key, algorithm) &&
      (keyId === undefined || known.keyId === undefined || known.keyId === keyId);
    if (auth.jwksUrl !== undefined) return this.#keySets.find(auth.jwksUrl, isWanted);
    let inline = this.#inline.get(auth);
    if (inline === undefined) {
      inline = keysOf(auth.jwks);
      this.#inline.set(auth, inline);
    }
    return inline.filter(isWanted).map(({ key }) => key);
  }
}

/** The same whatever is wrong, so that nobody learns how far a guess came. */
function unknown(auth: CallerAuth | null): PlatformError {
  const asked =
    auth?.type === 'signature'
      ? 'a signed message (webhook-id, webhook-timestamp, webhook-signature)'
      : 'Authorization: Bearer and a valid token';
  return new PlatformError('unauthenticated', 'caller_unknown', `This function takes calls with ${asked}.`);
}
