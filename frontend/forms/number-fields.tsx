import type { LimitName } from '../../shared/api/system.ts';
import { Field, Input } from '../ui/field.tsx';
import type { SettingsErrors } from './draft.ts';
import { type NumberDraft, type NumberKey, type NumberSetting, numberNote, numberSettings } from './number-settings.ts';

interface NumberFieldsProps {
  readonly group: Readonly<Partial<Record<NumberKey, NumberSetting>>>;
  readonly draft: NumberDraft;
  readonly errors: SettingsErrors;
  /** Why a limit has no effect here, by limit. */
  readonly unenforced?: Readonly<Partial<Record<LimitName, string>>>;
  readonly onChange: (change: Partial<NumberDraft>) => void;
}

/**
 * One field for each number of a group. What the level does not enforce cannot be chosen: the platform would refuse it. A
 * number that is another than the default can be brought back to it.
 */
export function NumberFields({ group, draft, errors, unenforced = {}, onChange }: NumberFieldsProps) {
  return (
    <div className="grid grid-cols-1 gap-3 @md:grid-cols-2 @3xl:grid-cols-3">
      {(Object.keys(group) as NumberKey[]).map((key) => {
        const { label, initial, limit }: NumberSetting = numberSettings[key];
        const reason = limit && unenforced[limit];
        const isUseless = reason !== undefined && draft[key] === initial;
        const error = reason === undefined || isUseless ? undefined : `${reason}: it has to be ${initial}`;
        return (
          <Field
            key={key}
            label={label}
            hint={isUseless ? reason : numberNote(key, draft[key])}
            error={errors[key] ?? error}
          >
            {(control) => (
              <Input
                {...control}
                inputMode="decimal"
                className="tabular"
                disabled={isUseless}
                value={draft[key]}
                onChange={(event) => onChange({ [key]: event.target.value })}
              />
            )}
          </Field>
        );
      })}
    </div>
  );
}
