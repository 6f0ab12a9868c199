import { type FaultResponse, renderFault } from './fault-responses.ts';
import type { Exchange } from './http/exchange.ts';

/**
 * Answers a request that becomes no invocation. After 400 the connection ends: who sent that is broken or hostile, and nothing that
 * follows is to be taken for a request.
 */
export function answer(exchange: Exchange, fault: FaultResponse): void {
  if (fault.status === 400) exchange.closeAfter();
  else exchange.closeIfMuchIsUnread();
  const { headers, body } = renderFault(fault, undefined);
  exchange.respond(fault.status, headers, Buffer.from(body));
}
