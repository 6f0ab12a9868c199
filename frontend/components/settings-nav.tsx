import { isFound, sectionAnchor, settingsSections } from '../forms/settings-sections.ts';
import { Field, Input } from '../ui/field.tsx';

interface SettingsNavProps {
  readonly search: string;
  readonly onSearch: (search: string) => void;
}

const others = [
  { id: 'about', title: 'About' },
  { id: 'service', title: 'In service' },
  { id: 'danger', title: 'Danger zone' },
] as const;

const link =
  'inline-flex min-h-7 items-center rounded-md px-2 text-sm whitespace-nowrap text-muted no-underline hover:bg-raised hover:text-text';

/** The sections of the settings as anchors, and a search that leaves those which have what is looked for. */
export function SettingsNav({ search, onSearch }: SettingsNavProps) {
  const found = settingsSections.filter((section) => isFound(section, search));
  return (
    <div className="flex min-w-0 flex-col gap-3 lg:sticky lg:top-4">
      <Field
        label="Find a setting"
        hint={search === '' ? undefined : `${found.length} of ${settingsSections.length} sections`}
      >
        {(control) => (
          <Input
            {...control}
            type="search"
            placeholder="memory, retry, cors"
            value={search}
            onChange={(event) => onSearch(event.target.value)}
          />
        )}
      </Field>
      <nav aria-label="Sections of the settings">
        <ul className="flex flex-wrap gap-x-1 lg:flex-col">
          {[...found, ...others].map(({ id, title }) => (
            <li key={id}>
              <a href={`#${sectionAnchor(id)}`} className={link}>
                {title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </div>
  );
}
