import { Tooltip as Radix } from 'radix-ui';
import { useEffect, useId, useReducer } from 'react';

export interface TooltipBubbleProps {
  readonly control: HTMLElement;
  readonly text: string;
  readonly onClose: () => void;
}

/** A tooltip at a control that is in the page already: a stand-in of its size and place carries the tooltip. */
export function TooltipBubble({ control, text, onClose }: TooltipBubbleProps) {
  const id = useId();
  useEffect(() => {
    // A name needs no description that repeats it.
    if (control.getAttribute('aria-label') === text || control.hasAttribute('aria-describedby')) return;
    control.setAttribute('aria-describedby', id);
    return () => control.removeAttribute('aria-describedby');
  }, [control, text, id]);
  const [, follow] = useReducer((moves: number) => moves + 1, 0);
  useEffect(() => {
    const stop = new AbortController();
    for (const name of ['scroll', 'resize'])
      window.addEventListener(name, follow, { signal: stop.signal, capture: true, passive: true });
    return () => stop.abort();
  }, []);
  const { left, top, width, height } = control.getBoundingClientRect();
  return (
    <Radix.Provider>
      <Radix.Root open>
        <Radix.Trigger asChild>
          <span
            aria-hidden="true"
            className="pointer-events-none fixed"
            style={{ left, top, width, height }}
            key={`${left} ${top}`}
          />
        </Radix.Trigger>
        <Radix.Portal>
          <Radix.Content
            data-tooltip-bubble=""
            onEscapeKeyDown={onClose}
            sideOffset={6}
            collisionPadding={8}
            className="z-50 max-w-72 rounded-md bg-text px-2 py-1 text-xs text-bg shadow-lg"
          >
            <span id={id}>{text}</span>
          </Radix.Content>
        </Radix.Portal>
      </Radix.Root>
    </Radix.Provider>
  );
}
