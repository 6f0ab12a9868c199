import { Badge } from '../ui/badge.tsx';

const names: Readonly<Record<string, string>> = {
  nodejs: 'Node.js',
  python: 'Python',
  custom: 'Custom',
  image: 'Container image',
};
export const runtimeName = (runtime: string): string => names[runtime] ?? runtime;

export function RuntimeBadge({ runtime }: { readonly runtime: string }) {
  return <Badge>{runtimeName(runtime)}</Badge>;
}
