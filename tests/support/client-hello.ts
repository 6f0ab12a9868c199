const two = (value: number) => Buffer.from([value >> 8, value & 255]);

/** An extension of a hello of TLS (RFC 8446, 4.2). */
export const extension = (kind: number, body: Buffer): Buffer => Buffer.concat([two(kind), two(body.length), body]);

/** The extension that names the host. */
export function serverName(name: string): Buffer {
  const bytes = Buffer.from(name, 'latin1');
  return extension(0, Buffer.concat([two(bytes.length + 3), Buffer.from([0]), two(bytes.length), bytes]));
}

/** A ClientHello, without records; without extensions when undefined. */
export function helloOf(extensions?: readonly Buffer[]): Buffer {
  const all = Buffer.concat(extensions ?? []);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0, 0, 2, 0x13, 0x01, 1, 0]),
    ...(extensions === undefined ? [] : [two(all.length), all]),
  ]);
  return Buffer.concat([Buffer.from([1, 0]), two(body.length), body]);
}

/** A message of the handshake in records of at most so many bytes. */
export function inRecords(message: Buffer, size = 16_384): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1]), two(part.length), part);
  }
  return Buffer.concat(records);
}
