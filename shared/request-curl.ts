import type { KeptRequestDocument } from './api/kept-requests.ts';

/** For a POSIX shell, whatever the text contains. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What curl says by itself, and what gateways and proxies add. */
const leftToCurl = /^(?:host|content-length|transfer-encoding|accept-encoding|connection|x-forwarded-.*|hearth-.*)$/i;

type CurlRequest = Pick<KeptRequestDocument, 'method' | 'url' | 'body' | 'isBase64Encoded'> & {
  readonly headers: readonly Readonly<KeptRequestDocument['headers'][number]>[];
};

/** A command that sends a kept request again, as far as it was kept. */
export function curlOf({ method, url, headers, body, isBase64Encoded }: CurlRequest): string {
  const lines = [`curl -i ${methodOption(method, body !== '')}${shellQuote(url)}`];
  for (const { name, value } of headers) {
    if (leftToCurl.test(name)) continue;
    // Without a value curl would leave the header out; with a semicolon it sends it empty.
    lines.push(`-H ${shellQuote(value === '' ? `${name};` : `${name}: ${value}`)}`);
  }
  // No argument of a program can hold a NUL.
  const isPiped = isBase64Encoded || body.includes('\0');
  if (isPiped) lines.push('--data-binary @-');
  else if (body !== '') lines.push(`--data-raw ${shellQuote(body)}`);
  const command = lines.join(' \\\n  ');
  return isPiped ? `printf %s ${isBase64Encoded ? body : base64Of(body)} | base64 -d | \\\n${command}` : command;
}

function methodOption(method: string, hasBody: boolean): string {
  if (method === 'HEAD') return '-I ';
  return method === (hasBody ? 'POST' : 'GET') ? '' : `-X ${shellQuote(method)} `;
}

function base64Of(text: string): string {
  let bytes = '';
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}
