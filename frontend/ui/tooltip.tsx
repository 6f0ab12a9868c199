import { cloneElement, lazy, type ReactElement, Suspense, useEffect, useState } from 'react';

/** Positions itself with a library that no page needs before somebody points at something. */
const TooltipBubble = lazy(() => import('./tooltip-bubble.tsx').then((module) => ({ default: module.TooltipBubble })));

const attribute = 'data-tooltip';
/** How long the pointer rests on a control until its tooltip comes, and how long that stays when the pointer leaves: it may be on its way to the tooltip. */
const showMs = 350;
const hideMs = 150;

/** Names or explains the control inside, if there is something to say; shown on hover and on focus by the TooltipLayer. */
export function Tooltip({
  text,
  children,
}: {
  readonly text: string | undefined;
  readonly children: ReactElement<Record<string, unknown>>;
}) {
  return text === undefined ? children : cloneElement(children, { [attribute]: text });
}

const controlAt = (target: EventTarget | null): HTMLElement | undefined =>
  (target instanceof Element ? target.closest<HTMLElement>(`[${attribute}]`) : null) ?? undefined;
const isBubble = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('[data-tooltip-bubble]') !== null;

/** Watches what is pointed at and what has the focus; `show` gets the control whose tooltip is due, undefined for none. */
function watchControls(show: (control: HTMLElement | undefined) => void): () => void {
  const stop = new AbortController();
  let current: HTMLElement | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const change = (next: HTMLElement | undefined, afterMs: number): void => {
    clearTimeout(timer);
    current = next;
    timer = setTimeout(() => show(next), afterMs);
  };
  const on = <Name extends keyof DocumentEventMap>(name: Name, react: (event: DocumentEventMap[Name]) => void) =>
    document.addEventListener(name, react, { signal: stop.signal, capture: true, passive: true });
  on('pointerover', (event) => {
    if (event.pointerType === 'touch') return;
    if (isBubble(event.target)) return clearTimeout(timer);
    // What is scrolled under a pointer that rests is no reason to hide what the focus explains.
    const kept = current?.matches(':focus-visible') === true ? current : undefined;
    const next = controlAt(event.target) ?? kept;
    if (next !== current) change(next, next === undefined ? hideMs : showMs);
  });
  on('focusin', (event) => {
    const next = controlAt(event.target);
    if (next?.matches(':focus-visible') === true) change(next, 0);
  });
  on('focusout', () => change(undefined, 0));
  on('pointerdown', () => change(undefined, 0));
  // What gets the focus is scrolled into sight: its tooltip stays, and goes along.
  on('scroll', () => current !== undefined && !current.matches(':focus-visible') && change(undefined, 0));
  return () => {
    stop.abort();
    clearTimeout(timer);
  };
}

/** Shows the tooltips of the whole page, one at a time. Escape and a click close them. */
export function TooltipLayer() {
  const [control, setControl] = useState<HTMLElement | undefined>();
  useEffect(() => watchControls(setControl), []);
  if (control === undefined) return null;
  const text = control.getAttribute(attribute);
  if (text === null || !control.isConnected) return null;
  return (
    <Suspense fallback={null}>
      <TooltipBubble control={control} text={text} onClose={() => setControl(undefined)} />
    </Suspense>
  );
}
