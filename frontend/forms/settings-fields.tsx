import type { ComponentType, ReactNode } from 'react';
import type { DriverDocument } from '../../shared/api/system.ts';
import type { RuntimeName } from '../../shared/version-config.ts';
import { Field, Input, TextArea } from '../ui/field.tsx';
import { unenforcedLimits } from '../util/enforced-limits.ts';
import { AccessFields } from './access-fields.tsx';
import { CaptureFields } from './capture-fields.tsx';
import type { SettingsDraft, SettingsErrors } from './draft.ts';
import { EgressField } from './egress-field.tsx';
import type { EnvImportDialogProps } from './env-import-dialog.tsx';
import { EnvironmentFields } from './environment-fields.tsx';
import { IsolationFields } from './isolation-fields.tsx';
import { NumberFields } from './number-fields.tsx';
import { batchSettings, limitSettings, retrySettings, scalingSettings } from './number-settings.ts';
import type { RateLimitFieldsProps } from './rate-limit-fields.tsx';
import { SecretPicker } from './secret-picker.tsx';
import { isFound, type SettingsSection, sectionAnchor, settingsSections } from './settings-sections.ts';
import { SingleFlightField } from './single-flight-field.tsx';
import type { WindowFieldsProps } from './window-fields.tsx';

export interface SettingsFieldsProps {
  readonly draft: SettingsDraft;
  readonly errors: SettingsErrors;
  readonly drivers: readonly DriverDocument[];
  /** An image has no handler, and runs in containers alone. */
  readonly runtime: RuntimeName;
  readonly onChange: (draft: SettingsDraft) => void;
  /** Only sections that have it; all when left out. */
  readonly search?: string;
  /** Most people leave all but the first alone: the others are folded. */
  readonly isFolded?: boolean;
  /** What only the page of a function has: that of a new one is to load quickly. */
  readonly parts?: {
    readonly WindowFields: ComponentType<WindowFieldsProps>;
    readonly EnvImportDialog: ComponentType<EnvImportDialogProps>;
    readonly RateLimitFields: ComponentType<RateLimitFieldsProps>;
  };
  /** Before the first field. */
  readonly children?: ReactNode;
}

type PartProps = Omit<SettingsFieldsProps, 'onChange'> & {
  readonly onChange: (change: Partial<SettingsDraft>) => void;
};

const handlerHints: Readonly<Record<Exclude<RuntimeName, 'image'>, string>> = {
  nodejs: 'file.export',
  python: 'file.function',
  custom: 'What bootstrap finds in _HANDLER',
};

function GeneralFields({ draft, errors, runtime, children, onChange }: PartProps) {
  return (
    <>
      {children}
      {runtime !== 'image' && (
        <Field label="Handler" hint={handlerHints[runtime]} error={errors.handler}>
          {(control) => (
            <Input
              {...control}
              className="font-mono"
              value={draft.handler}
              onChange={(event) => onChange({ handler: event.target.value })}
            />
          )}
        </Field>
      )}
      <Field
        label="Schema of the event"
        hint="JSON Schema; the test has a form for it. Empty: none. Calls are not checked."
        error={errors.inputSchema}
      >
        {(control) => (
          <TextArea
            {...control}
            rows={draft.inputSchema === '' ? 2 : 8}
            className="font-mono"
            value={draft.inputSchema}
            onChange={(event) => onChange({ inputSchema: event.target.value })}
          />
        )}
      </Field>
    </>
  );
}

function ScalingFields({ draft, errors, parts, onChange }: PartProps) {
  return (
    <>
      <NumberFields group={scalingSettings} draft={draft} errors={errors} onChange={onChange} />
      {parts !== undefined && (
        <parts.WindowFields
          windows={draft.provisionedWindows}
          error={errors.provisionedWindows}
          onChange={(provisionedWindows) => onChange({ provisionedWindows })}
        />
      )}
    </>
  );
}

function AccessPart({ draft, errors, parts, onChange }: PartProps) {
  return (
    <>
      <AccessFields draft={draft} errors={errors} onChange={onChange} />
      {parts !== undefined && (
        <parts.RateLimitFields
          limits={draft.rateLimits}
          hasAuth={draft.auth !== 'public'}
          onChange={(rateLimits) => onChange({ rateLimits })}
        />
      )}
    </>
  );
}

/** What stands in each section. An image runs in containers alone: its level is no choice. */
function SectionFields({ id, ...props }: PartProps & { readonly id: SettingsSection['id'] }) {
  const { draft, errors, drivers, runtime, onChange } = props;
  const unenforced = unenforcedLimits(runtime === 'image' ? 'docker' : draft.isolation, drivers);
  const numbers = { draft, errors, onChange };
  switch (id) {
    case 'general':
      return <GeneralFields {...props} />;
    case 'limits':
      return <NumberFields group={limitSettings} unenforced={unenforced} {...numbers} />;
    case 'scaling':
      return <ScalingFields {...props} />;
    case 'batching':
      return (
        <>
          <NumberFields group={batchSettings} {...numbers} />
          <SingleFlightField draft={draft} error={errors.singleFlightHeaders} onChange={onChange} />
        </>
      );
    case 'retries':
      return <NumberFields group={retrySettings} {...numbers} />;
    case 'capture':
      return <CaptureFields {...numbers} />;
    case 'network':
      return (
        <EgressField draft={draft} error={errors.egressHosts} unenforced={unenforced.network} onChange={onChange} />
      );
    case 'access':
      return <AccessPart {...props} />;
    case 'environment':
      return (
        <>
          <EnvironmentFields
            text={draft.env}
            error={errors.env}
            ImportDialog={props.parts?.EnvImportDialog}
            onChange={(env) => onChange({ env })}
          />
          <SecretPicker chosen={draft.secrets} error={errors.secrets} onChange={(secrets) => onChange({ secrets })} />
        </>
      );
    case 'isolation':
      return runtime === 'image' ? (
        <p className="text-sm text-muted">A container image runs in a container: docker.</p>
      ) : (
        <IsolationFields draft={draft} drivers={drivers} error={errors.isolation} onChange={onChange} />
      );
  }
}

const unfolded: readonly SettingsSection['id'][] = ['general', 'environment'];
const notes: Readonly<Partial<Record<SettingsSection['id'], string>>> = {
  batching: 'Waiting calls travel and run together',
  retries: 'Of asynchronous and scheduled calls; others are never repeated',
  capture: 'Of calls over HTTP',
  access: 'Through the gateway',
};

interface SectionProps {
  readonly section: Pick<SettingsSection, 'id' | 'title'>;
  readonly isFolded: boolean;
  readonly children: ReactNode;
}

function Section({ section: { id, title }, isFolded, children }: SectionProps) {
  const titleId = `${sectionAnchor(id)}-title`;
  const heading = (
    <h3 id={titleId} className="inline-flex flex-wrap items-baseline gap-x-2 font-semibold">
      {title} {notes[id] !== undefined && <span className="text-xs font-normal text-faint">{notes[id]}</span>}
    </h3>
  );
  const body = 'flex flex-col gap-4 pt-4';
  return (
    <section
      id={sectionAnchor(id)}
      aria-labelledby={titleId}
      className="scroll-mt-16 border-t border-line pt-4 first:border-0 first:pt-0"
    >
      {isFolded ? (
        <details>
          <summary className="min-h-6">{heading}</summary>
          <div className={body}>{children}</div>
        </details>
      ) : (
        <>
          {heading}
          <div className={body}>{children}</div>
        </>
      )}
    </section>
  );
}

/** The settings of a version, for a new function and for a new version. */
export function SettingsFields({ search = '', isFolded = false, ...props }: SettingsFieldsProps) {
  const { draft, onChange } = props;
  const change = (part: Partial<SettingsDraft>) => onChange({ ...draft, ...part });
  return (
    <div className="@container flex flex-col gap-4">
      {settingsSections
        .filter((section) => isFound(section, search))
        .map((section) => (
          <Section key={section.id} section={section} isFolded={isFolded && !unfolded.includes(section.id)}>
            <SectionFields id={section.id} {...props} onChange={change} />
          </Section>
        ))}
    </div>
  );
}
