import { shellQuote } from '../../shared/request-curl.ts';

/** How to call a function from elsewhere, ready to be pasted. */

export function curlSnippet(url: string, body: string | undefined): string {
  if (body === undefined) return `curl -i ${shellQuote(url)}`;
  return `curl -i ${shellQuote(url)} \\\n  -H 'content-type: application/json' \\\n  -d ${shellQuote(body)}`;
}

export function fetchSnippet(url: string, body: string | undefined): string {
  if (body === undefined)
    return `const response = await fetch(${JSON.stringify(url)});\nconsole.log(await response.text());`;
  return [
    `const response = await fetch(${JSON.stringify(url)}, {`,
    "  method: 'POST',",
    "  headers: { 'content-type': 'application/json' },",
    `  body: JSON.stringify(${body}),`,
    '});',
    'console.log(await response.text());',
  ].join('\n');
}

export function cliSnippet(name: string, event: string | undefined): string {
  return event === undefined ? `hearth invoke ${name}` : `hearth invoke ${name} --data ${shellQuote(event)}`;
}
