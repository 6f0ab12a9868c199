import { Circle, CircleCheck } from 'lucide-react';

/** Whether a step of a checklist is taken. The words beside it say so too. */
export function StepMark({ isDone }: { readonly isDone: boolean }) {
  const Icon = isDone ? CircleCheck : Circle;
  return <Icon className={isDone ? 'size-4 shrink-0 text-ok' : 'size-4 shrink-0 text-faint'} aria-hidden="true" />;
}
