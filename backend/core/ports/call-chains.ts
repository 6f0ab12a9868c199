import type { CallChain } from '../call-chain.ts';

/** Tokens that say where a call stands in a chain of functions that call functions. Opaque to functions, and nobody else can make one. */
export interface CallChains {
  /** 32 characters that are safe in a header. Costs a few microseconds. */
  tokenOf(chain: CallChain): string;
  /** Undefined for what this platform did not sign and for what is long over: such a call begins a chain of its own. Never throws. */
  read(token: string): CallChain | undefined;
}
