import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { limits } from '../../shared/limits.ts';
import { useApi } from '../api/context.tsx';
import { secretsQuery } from '../api/secrets.ts';
import { LoadMore } from '../components/load-more.tsx';
import { paths } from '../path-builder.ts';

export interface SecretPickerProps {
  readonly chosen: readonly string[];
  readonly error: string | undefined;
  readonly onChange: (chosen: readonly string[]) => void;
}

/** Chooses secrets of the project by name. One that is listed but not set any more stays visible, so that it can be taken out. */
export function SecretPicker({ chosen, error, onChange }: SecretPickerProps) {
  const query = useInfiniteQuery(secretsQuery(useApi()));
  const known = query.data?.pages.flatMap((page) => page.items.map((secret) => secret.name)) ?? [];
  const isComplete = query.data !== undefined && !query.hasNextPage;
  const names = [...new Set([...chosen, ...known])].sort();
  return (
    <fieldset className="flex min-w-0 flex-col gap-1">
      <legend className="mb-1 text-sm font-medium">Secrets</legend>
      <div className="flex max-h-48 flex-col overflow-y-auto">
        {names.map((name) => (
          <label key={name} className="flex min-h-7 items-center gap-2 text-sm">
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              onChange={(event) =>
                onChange(event.target.checked ? [...chosen, name] : chosen.filter((other) => other !== name))
              }
            />
            <code className="truncate font-mono">{name}</code>
            {isComplete && !known.includes(name) && <span className="text-danger">not set</span>}
          </label>
        ))}
      </div>
      <LoadMore query={query} />
      <p className={error === undefined ? 'text-xs text-faint' : 'text-xs text-danger'}>
        {error ?? (
          <>
            Variables of the same names, at most {limits.maxSecretsPerVersion}.{' '}
            <Link to={paths.secrets()}>{names.length === 0 ? 'None is set yet: set one' : 'Set another'}</Link>
          </>
        )}
      </p>
    </fieldset>
  );
}
