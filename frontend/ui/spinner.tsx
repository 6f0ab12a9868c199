export function Spinner({ label }: { readonly label?: string }) {
  return (
    <span role={label === undefined ? undefined : 'status'} className="inline-flex items-center gap-2 text-muted">
      <span
        aria-hidden="true"
        className="inline-block size-3.5 animate-spin rounded-full border-2 border-current border-t-transparent"
      />
      {label}
    </span>
  );
}

const barWidths = ['92%', '75%', '58%', '81%', '64%', '87%', '70%', '53%', '95%', '78%', '61%', '84%'];

/** Grey bars where something will be, so that nothing jumps when it arrives. */
export function Skeleton({ lines = 3, label = 'Loading' }: { readonly lines?: number; readonly label?: string }) {
  return (
    <div role="status" aria-label={label} className="flex flex-col gap-2.5 py-2">
      {barWidths.slice(0, lines).map((width) => (
        <div key={width} className="h-4 animate-pulse rounded bg-raised" style={{ width }} />
      ))}
    </div>
  );
}
