import { readFileSync } from 'node:fs';

/** As in the kernel's tcp_states.h. */
const established = '01';

const inHex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

/** Whether the side of a connection over 127.0.0.1 that has the port `own` still holds it: what it has said in parting may not have been read. */
export function holdsConnection(own: number, other: number): boolean {
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(
      ([, local, remote, state]) =>
        local?.endsWith(`:${inHex(own)}`) && remote?.endsWith(`:${inHex(other)}`) && state === established,
    );
}
