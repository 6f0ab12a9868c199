import { marked } from 'marked';

interface HttpEvent {
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

export async function handler(event: HttpEvent) {
  const source = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString() : (event.body ?? '');
  if (source.trim() === '') return { statusCode: 400, headers: { 'content-type': 'text/plain' }, body: 'POST some Markdown\n' };
  const html = await marked.parse(source, { gfm: true });
  return { statusCode: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: html };
}
