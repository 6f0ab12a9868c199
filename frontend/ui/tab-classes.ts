/** Of a tab inside of a page, and of a link to a page that looks like one. */
export const tabClasses =
  'inline-flex h-9 items-center gap-1.5 border-b-2 border-transparent px-2.5 text-sm whitespace-nowrap text-muted no-underline hover:text-text data-[state=active]:border-accent data-[state=active]:text-text data-[state=active]:font-medium aria-[current=page]:border-accent aria-[current=page]:text-text aria-[current=page]:font-medium';
