import { lookup } from 'node:dns';
import { request } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from './public-address.ts';

export interface PublicFetchOptions {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** For tests: asks for a name as `dns.lookup` does. */
  readonly lookup?: typeof lookup;
}

/**
 * GETs an https document from the public internet. The address that was checked is the one that is dialled, so a name cannot
 * change its mind in between; redirects are not followed. Rejects with an Error that says why.
 */
export function publicFetch(url: string, options: PublicFetchOptions): Promise<Buffer> {
  const target = new URL(url);
  const host = target.hostname.replace(/^\[|\]$/g, '');
  if (target.protocol !== 'https:') return Promise.reject(new Error('only https is fetched'));
  if (isIP(host) !== 0 && !isPublicAddress(host)) return Promise.reject(notPublic(host));
  const guarded: LookupFunction = (name, asked, callback) => {
    (options.lookup ?? lookup)(name, { ...asked, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, '', 0);
        return;
      }
      const good = found.filter(({ address }) => isPublicAddress(address));
      const [first] = good;
      if (first === undefined) callback(notPublic(name), '', 0);
      else if (asked.all === true) callback(null, good);
      else callback(null, first.address, first.family);
    });
  };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(options.timeoutMs);
    const asked = request(target, { lookup: guarded, agent: false, signal, headers: { accept: 'application/json' } });
    asked.once('error', reject);
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      if (response.statusCode !== 200) asked.destroy(new Error(`it answered ${response.statusCode}`));
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > options.maxBytes) asked.destroy(new Error(`it is larger than ${options.maxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () => resolve(Buffer.concat(chunks)));
    });
    asked.end();
  });
}

const notPublic = (host: string) => new Error(`${host} is not in the public internet`);
