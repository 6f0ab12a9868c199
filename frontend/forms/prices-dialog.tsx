import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { PriceTable } from '../../shared/api/cost.ts';
import { putPrices } from '../api/alerts.ts';
import { useApi } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { Field, Input } from '../ui/field.tsx';
import { FormDialog } from './form-dialog.tsx';

const fields = [
  { name: 'perMillionRequests', label: 'Per million requests' },
  { name: 'perGbSecond', label: 'Per GiB second' },
  { name: 'perGbEgress', label: 'Per GB sent' },
] as const;

/** The price table that everybody on this platform sees. */
export function PricesDialog({ prices, onClose }: { readonly prices: PriceTable; readonly onClose: () => void }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const notPermitted = usePermission('putPrices');
  const [name, setName] = useState(prices.name);
  const [currency, setCurrency] = useState(prices.currency);
  const [numbers, setNumbers] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(fields.map((field) => [field.name, String(prices[field.name])])),
  );
  const numberOf = (field: string): number => Number(numbers[field]?.trim() === '' ? Number.NaN : numbers[field]);
  const wrong = fields.find((field) => !(numberOf(field.name) >= 0));
  const reason = name.trim() === '' ? 'Say what the prices are of' : wrong && `${wrong.label}: a number from 0 on`;
  const save = useMutation({
    mutationFn: () =>
      putPrices(api, {
        name: name.trim(),
        currency: currency.trim().toUpperCase(),
        perMillionRequests: numberOf('perMillionRequests'),
        perGbSecond: numberOf('perGbSecond'),
        perGbEgress: numberOf('perGbEgress'),
      }),
    onSuccess: async () => {
      onClose();
      await queryClient.invalidateQueries({ queryKey: ['costs'] });
    },
  });
  return (
    <FormDialog
      title="Prices"
      submit="Save"
      reason={notPermitted ?? reason}
      isBusy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <Field label="What they are of">
        {(control) => (
          <Input {...control} maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
        )}
      </Field>
      <Field label="Currency" hint="Three letters">
        {(control) => (
          <Input {...control} maxLength={3} value={currency} onChange={(event) => setCurrency(event.target.value)} />
        )}
      </Field>
      {fields.map((field) => (
        <Field key={field.name} label={field.label}>
          {(control) => (
            <Input
              {...control}
              inputMode="decimal"
              value={numbers[field.name] ?? ''}
              onChange={(event) => setNumbers({ ...numbers, [field.name]: event.target.value })}
            />
          )}
        </Field>
      ))}
    </FormDialog>
  );
}
