import { hopByHopHeaders, notPassedOn } from './hop-by-hop.ts';

/**
 * Why whoever writes a request to a function may not set this header, or undefined. The gateway drops these from what clients send, or sets
 * them itself; who writes one by hand is told so.
 */
export function headerObstacle(name: string): string | undefined {
  const lowerCaseName = name.toLowerCase();
  if (lowerCaseName === 'content-length') return `${name} follows from the body; leave it out`;
  if (lowerCaseName.startsWith('hearth-')) return `${name} is the platform's own; leave it out`;
  if (lowerCaseName.startsWith('x-forwarded-'))
    return `${name} is set by the platform, which knows who calls; leave it out`;
  if (!notPassedOn.has(lowerCaseName)) return undefined;
  return hopByHopHeaders.includes(lowerCaseName)
    ? `${name} belongs to one connection and reaches no function; leave it out`
    : `${name} is answered by the platform and reaches no function; leave it out`;
}
