import { Check, Copy } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import { IconButton } from './button.tsx';
import { classes } from './classes.ts';
import { ScrollArea } from './scroll-area.tsx';

/** Puts a text on the clipboard. Rejects where the browser does not let it. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Without TLS and outside of localhost a page has no clipboard API; this old way still works.
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

export interface CopyButtonProps {
  readonly text: string;
  /** Its name, and its tooltip. */
  readonly label?: string;
  /** Words beside the icon, a part of `label`. */
  readonly children?: ReactNode;
}

export function CopyButton({ text, label = 'Copy', children }: CopyButtonProps) {
  const [isCopied, setIsCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setIsCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return (
    <IconButton
      label={isCopied ? 'Copied' : label}
      onClick={() => {
        copyText(text).then(
          () => setIsCopied(true),
          () => setIsCopied(false),
        );
      }}
    >
      {isCopied ? (
        <Check className="size-4 text-ok" aria-hidden="true" />
      ) : (
        <Copy className="size-4" aria-hidden="true" />
      )}
      {children}
    </IconButton>
  );
}

/** Code to read or to copy. */
export function CodeBlock({
  text,
  label,
  className,
}: {
  readonly text: string;
  readonly label: string;
  readonly className?: string;
}) {
  return (
    <div className={classes('relative min-w-0 rounded-md border border-line bg-raised', className)}>
      <ScrollArea label={label} className="max-h-96 overflow-auto rounded-md">
        <pre className="w-fit min-w-full py-2 pr-10 pl-3 font-mono text-xs leading-5">{text}</pre>
      </ScrollArea>
      <div className="absolute top-0.5 right-0.5 rounded-md bg-raised">
        <CopyButton text={text} label={`Copy ${label}`} />
      </div>
    </div>
  );
}
