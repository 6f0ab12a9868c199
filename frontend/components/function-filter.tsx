import { useInfiniteQuery } from '@tanstack/react-query';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { Select } from '../ui/field.tsx';
import { useUrlValue } from '../util/hooks.ts';

/** Chooses a function, which is in the address then, or all of them. */
export function FunctionFilter() {
  const [name, setName] = useUrlValue('function');
  const { data } = useInfiniteQuery(queries.functions(useApi()));
  const names = (data?.pages ?? []).flatMap((page) => page.items.map((fn) => fn.name));
  const all = name === '' || names.includes(name) ? names : [...names, name];
  return (
    <Select
      aria-label="Function"
      // As wide before the names are known as after that.
      className="w-48"
      value={name}
      options={[{ value: '', label: 'All functions' }, ...all.map((value) => ({ value, label: value }))]}
      onChange={(event) => setName(event.target.value)}
    />
  );
}
