/** A name with its value, and under it what the value is about; in a `dl`. */
export function Fact({ name, value, note }: { readonly name: string; readonly value: string; readonly note: string }) {
  return (
    <div className="border-b border-line py-2 first:pt-0 last:border-0 last:pb-0">
      <dt className="flex items-baseline justify-between gap-3">
        <span className="text-muted">{name}</span>
        <span className="tabular text-right font-medium">{value}</span>
      </dt>
      <dd className="text-sm text-faint">{note}</dd>
    </div>
  );
}
