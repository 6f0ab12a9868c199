/**
 * The two ways in which a platform serves callers: its own gateway, and gateway processes in front of it (docs/gateway.md). What a caller
 * sees is the same, so suites that look from outside run over both.
 */
export const gatewayWays: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['the gateway of the platform', {}],
  ['two gateway processes', { HEARTH_GATEWAYS: '2' }],
];
