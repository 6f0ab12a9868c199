import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { AlertMetric, AlertRuleDocument } from '../../shared/api/alerts.ts';
import { minuteMs } from '../../shared/durations.ts';
import { type AlertRuleInput, alertApi } from '../api/alerts.ts';
import { useApi, useShownProject } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { Field, Input, Select, TextArea } from '../ui/field.tsx';
import { channelText, metricTexts, parseChannels, thresholdOf, typedOf, unitNames } from '../util/alert-text.ts';
import { FormDialog } from './form-dialog.tsx';

const metricOptions = (isOfProject: boolean) =>
  Object.entries(metricTexts)
    .filter(([, { isPlatform }]) => !(isPlatform && isOfProject))
    .map(([value, { label }]) => ({ value, label }));
const comparisons = [
  { value: 'above', label: 'above' },
  { value: 'below', label: 'below' },
];
const windows = [1, 5, 15, 60].map((minutes) => ({ value: String(minutes * minuteMs), label: `${minutes} min` }));
const holds = [
  { value: '0', label: 'at once' },
  ...[1, 5, 15].map((minutes) => ({ value: String(minutes * minuteMs), label: `after ${minutes} min` })),
];
/** A rule made elsewhere may have a time that is not in the list. */
const withTime = (options: typeof windows, ms: string) =>
  options.some(({ value }) => value === ms) ? options : [...options, { value: ms, label: `${Number(ms) / 1000} s` }];

interface Draft {
  readonly name: string;
  readonly metric: AlertMetric;
  readonly functionName: string;
  readonly comparison: string;
  readonly threshold: string;
  readonly windowMs: string;
  readonly forMs: string;
  readonly channels: string;
  readonly isEnabled: boolean;
}

function draftOf(rule: AlertRuleDocument | undefined): Draft {
  if (rule === undefined) {
    return {
      ...{ name: '', metric: 'errorRate', functionName: '', comparison: 'above', threshold: '5' },
      ...{ windowMs: String(5 * minuteMs), forMs: '0', channels: '', isEnabled: true },
    };
  }
  return {
    name: rule.name,
    metric: rule.metric,
    functionName: rule.functionName ?? '',
    comparison: rule.comparison,
    threshold: String(typedOf(rule.metric, rule.threshold)),
    windowMs: String(rule.windowMs),
    forMs: String(rule.forMs),
    channels: rule.channels.map(channelText).join('\n'),
    isEnabled: rule.isEnabled,
  };
}

function inputOf(draft: Draft): AlertRuleInput {
  const isPlatform = metricTexts[draft.metric].isPlatform;
  return {
    name: draft.name.trim(),
    metric: draft.metric,
    functionName: isPlatform || draft.functionName === '' ? null : draft.functionName,
    comparison: draft.comparison === 'below' ? 'below' : 'above',
    threshold: thresholdOf(draft.metric, Number(draft.threshold)),
    windowMs: Number(draft.windowMs),
    forMs: Number(draft.forMs),
    channels: parseChannels(draft.channels),
    isEnabled: draft.isEnabled,
  };
}

function reasonOf(draft: Draft): string | undefined {
  if (draft.name.trim() === '') return 'Give it a name';
  if (draft.threshold.trim() === '' || !Number.isFinite(Number(draft.threshold))) return 'Say a number as the limit';
  return undefined;
}

/** Whether a new rule would belong to the installation: an owner of all projects looks at no single one. */
function useIsForInstallation(): boolean {
  const mayAll = usePermission('createUser') === undefined;
  return useShownProject() === undefined && mayAll;
}

/** Makes a rule, or changes one. */
export function AlertRuleDialog(props: {
  readonly rule?: AlertRuleDocument | undefined;
  readonly functionNames: readonly string[];
  readonly onClose: () => void;
}) {
  const { rule, functionNames, onClose } = props;
  const api = useApi();
  const queryClient = useQueryClient();
  const isForInstallation = useIsForInstallation();
  const isOfProject = rule === undefined ? !isForInstallation : rule.project !== null;
  const [draft, setDraft] = useState(() => draftOf(rule));
  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }));
  const save = useMutation({
    mutationFn: () =>
      rule === undefined ? alertApi.create(api, inputOf(draft)) : alertApi.replace(api, rule.id, inputOf(draft)),
    onSuccess: async () => {
      onClose();
      await queryClient.invalidateQueries({ queryKey: ['alerts'] });
    },
  });
  const { isPlatform, unit } = metricTexts[draft.metric];
  const functionOptions = [
    { value: '', label: 'All functions together' },
    ...[...new Set([...functionNames, ...(draft.functionName === '' ? [] : [draft.functionName])])].map((value) => ({
      value,
      label: value,
    })),
  ];
  const reason = reasonOf(draft);
  return (
    <FormDialog
      title={rule === undefined ? 'New alert rule' : `Change ${rule.name}`}
      submit={rule === undefined ? 'Create' : 'Save'}
      reason={reason}
      isBusy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <Field label="Name" hint="What people read who are told">
        {(control) => (
          <Input
            {...control}
            autoFocus
            maxLength={100}
            placeholder="Orders fail"
            value={draft.name}
            onChange={(event) => change({ name: event.target.value })}
          />
        )}
      </Field>
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label="Watches">
          {(control) => (
            <Select
              {...control}
              options={metricOptions(isOfProject)}
              value={draft.metric}
              onChange={(event) => change({ metric: event.target.value as AlertMetric })}
            />
          )}
        </Field>
        {!isPlatform && (
          <Field label="Of">
            {(control) => (
              <Select
                {...control}
                options={functionOptions}
                value={draft.functionName}
                onChange={(event) => change({ functionName: event.target.value })}
              />
            )}
          </Field>
        )}
        <Field label="Is">
          {(control) => (
            <Select
              {...control}
              options={comparisons}
              value={draft.comparison}
              onChange={(event) => change({ comparison: event.target.value })}
            />
          )}
        </Field>
        <Field label={unitNames[unit] === '' ? 'Limit' : `Limit, ${unitNames[unit]}`}>
          {(control) => (
            <Input
              {...control}
              inputMode="decimal"
              value={draft.threshold}
              onChange={(event) => change({ threshold: event.target.value })}
            />
          )}
        </Field>
        {!isPlatform && (
          <Field label="Over the last">
            {(control) => (
              <Select
                {...control}
                options={withTime(windows, draft.windowMs)}
                value={draft.windowMs}
                onChange={(event) => change({ windowMs: event.target.value })}
              />
            )}
          </Field>
        )}
        <Field label="Tell">
          {(control) => (
            <Select
              {...control}
              options={withTime(holds, draft.forMs)}
              value={draft.forMs}
              onChange={(event) => change({ forMs: event.target.value })}
            />
          )}
        </Field>
      </div>
      <Field label="Whom" hint="A webhook (https://…) or an e-mail address on each line; empty: the dashboard alone">
        {(control) => (
          <TextArea
            {...control}
            rows={2}
            value={draft.channels}
            onChange={(event) => change({ channels: event.target.value })}
          />
        )}
      </Field>
      <label className="flex min-h-6 items-center gap-2 text-sm">
        <input
          type="checkbox"
          checked={draft.isEnabled}
          onChange={(event) => change({ isEnabled: event.target.checked })}
        />
        Look at this rule
      </label>
    </FormDialog>
  );
}
