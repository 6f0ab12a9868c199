import { useThrottled } from '../util/hooks.ts';

/** Less often than anybody is to be interrupted. */
const announceMs = 10_000;

/** Says to those who do not see it what has changed by itself: politely, the newest alone, and at most every ten seconds. */
export function Announced({ text }: { readonly text: string }) {
  return (
    <span role="status" className="sr-only">
      {useThrottled(text, announceMs)}
    </span>
  );
}
