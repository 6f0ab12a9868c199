/**
 * A name or an address, with or without a port, that nothing else can be read into: no path, no user, no list. Names are as they are sent (ASCII);
 * `_` is none of a host name, and names of containers have it. Linear in the length.
 */
const host = /^(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/**
 * Whether the value of a `Host` header names a host. RFC 9112, 3.2 has others refused: what is put before a path to make a URL must not reach
 * into that path, and so get past the route that let the request in.
 */
export function isHost(value: string): boolean {
  return host.test(value);
}
