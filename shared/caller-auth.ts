import { z } from 'zod';

const jwtAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
export type JwtAlgorithm = (typeof jwtAlgorithms)[number];

const jwkSchema = z.looseObject({
  kty: z.enum(['RSA', 'EC', 'OKP']),
  kid: z.string().max(255).optional(),
});

const tokenAuthSchema = z
  .strictObject({ type: z.literal('token') })
  .describe('A token of Hearth that may call functions of the project, as `Authorization: Bearer`.');

export const signatureAuthSchema = z
  .strictObject({
    type: z.literal('signature'),
    key: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'the name of a variable or secret')
      .describe(
        'The variable or secret of this version that holds the key: `whsec_` and base64, or any text of at least 16 characters.',
      ),
    toleranceSeconds: z.number().int().min(1).max(3600).optional().describe('Age of a message; 300 when left out.'),
  })
  .describe(
    'Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature`, the HMAC-SHA256 of `id.timestamp.body`. The same message is let in once.',
  );

export const jwtAuthSchema = z
  .strictObject({
    type: z.literal('jwt'),
    issuer: z.string().min(1).max(512).describe('What `iss` must be.'),
    audience: z.array(z.string().min(1).max(512)).min(1).max(20).describe('`aud` must name one of them.'),
    algorithms: z.array(z.enum(jwtAlgorithms)).min(1).optional().describe('RS256, ES256 and EdDSA when left out.'),
    jwksUrl: z
      .url({ protocol: /^https$/ })
      .max(2048)
      .optional()
      .describe('Where the keys are; fetched from the public internet only, kept for ten minutes.'),
    jwks: z
      .strictObject({ keys: z.array(jwkSchema).min(1).max(20) })
      .optional()
      .describe('The public keys themselves, instead of `jwksUrl`.'),
    clockToleranceSeconds: z.number().int().min(0).max(300).optional().describe('30 when left out.'),
  })
  .refine(({ jwks, jwksUrl }) => (jwks === undefined) !== (jwksUrl === undefined), 'give either `jwksUrl` or `jwks`')
  .refine(
    ({ jwks }) => !jwks?.keys.some((key) => 'd' in key || 'k' in key),
    'a private or secret key does not belong here; give the public one',
  )
  .describe('A JSON Web Token, as `Authorization: Bearer`.');

/** Who may call a function through the gateway. */
export const callerAuthSchema = z
  .union([tokenAuthSchema, signatureAuthSchema, jwtAuthSchema])
  .describe('Who may call the function through the gateway. Null: everybody. Calls over the API need a token anyway.');
export type CallerAuth = z.infer<typeof callerAuthSchema>;
export type SignatureAuth = z.infer<typeof signatureAuthSchema>;
export type JwtAuth = z.infer<typeof jwtAuthSchema>;

export const rateLimitSchema = z
  .strictObject({
    by: z
      .enum(['function', 'address', 'caller'])
      .describe('All calls together, each address (IPv6: each /64), or each caller that `auth` found.'),
    requests: z.number().int().min(1).max(1_000_000),
    windowSeconds: z.number().int().min(1).max(86_400),
  })
  .describe('So many requests in a window, which refills evenly.');
export type RateLimit = z.infer<typeof rateLimitSchema>;
