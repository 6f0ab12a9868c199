import type { FieldChange } from '../../shared/version-changes.ts';

/** Settings that differ: what each was, and what it is. */
export function FieldChanges({ title, fields }: { readonly title: string; readonly fields: readonly FieldChange[] }) {
  return (
    <section>
      <h3 className="mb-1 text-sm font-medium">{title}</h3>
      <dl className="text-sm">
        {fields.map((field) => (
          <div key={field.key} className="flex flex-wrap gap-x-3 border-b border-line py-1">
            <dt className="w-44 font-mono text-xs leading-5 break-all">{field.key}</dt>
            <dd className="min-w-0 break-words">
              <del className="text-danger">{field.before}</del> →{' '}
              <ins className="text-ok no-underline">{field.after}</ins>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
