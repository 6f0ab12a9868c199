import { useQuery } from '@tanstack/react-query';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import type { Tagged } from '../api/api.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { useNameParam } from '../util/hooks.ts';

/** The function of the address. Only for pages inside FunctionPage, which waits until it is there. */
export function useFunction(): Tagged<FunctionDocument> {
  const name = useNameParam();
  const { data } = useQuery(queries.function(useApi(), name));
  if (data === undefined) throw new Error(`The function ${name} is not loaded`);
  return data;
}
