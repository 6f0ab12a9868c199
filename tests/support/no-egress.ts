import type { EgressGate } from '../../backend/core/ports/egress-gate.ts';

/** For pools whose versions have no allow-list: a connection out would be closed. */
export const noEgress: EgressGate = { admit: () => (connection) => void connection.destroy() };
