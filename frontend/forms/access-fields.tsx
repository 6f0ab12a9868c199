import type { ReactNode } from 'react';
import { Field, Input, Select, TextArea } from '../ui/field.tsx';
import type { AccessDraft, AccessErrors } from './access-draft.ts';

interface AccessFieldsProps {
  readonly draft: AccessDraft;
  readonly errors: AccessErrors;
  readonly onChange: (change: Partial<AccessDraft>) => void;
}

type TextKey = { [Key in keyof AccessDraft]: string extends AccessDraft[Key] ? Key : never }[keyof AccessDraft];

interface TextFieldProps extends AccessFieldsProps {
  readonly name: TextKey;
  readonly label: string;
  readonly hint: ReactNode;
  /** More than one: an area of so many lines. */
  readonly lines?: number;
}

function TextField({ name, label, hint, lines = 1, draft, errors, onChange }: TextFieldProps) {
  return (
    <Field label={label} hint={hint} error={errors[name]}>
      {(control) => {
        const field = {
          ...control,
          className: 'font-mono',
          value: draft[name],
          onChange: (event: { readonly target: { readonly value: string } }) =>
            onChange({ [name]: event.target.value }),
        };
        return lines > 1 ? <TextArea {...field} rows={lines} /> : <Input {...field} />;
      }}
    </Field>
  );
}

/** Every way that the API knows: a record, so that none is forgotten. */
const callerLabels: Readonly<Record<AccessDraft['auth'], string>> = {
  public: 'Everybody',
  token: 'Tokens of Hearth',
  signature: 'Signed messages (HMAC)',
  jwt: 'JSON Web Tokens (JWT)',
};
const callers = (Object.keys(callerLabels) as AccessDraft['auth'][]).map((value) => ({
  value,
  label: callerLabels[value],
}));

const callerHints: Readonly<Record<AccessDraft['auth'], string>> = {
  public: 'Through the gateway; calls over the API need a token anyway',
  token: 'Authorization: Bearer with a token that may call functions of the project',
  signature: 'Standard Webhooks: an HMAC-SHA256 of id, time and body',
  jwt: 'Authorization: Bearer with a token that an identity provider signed',
};

const keySources: readonly { readonly value: AccessDraft['jwtKeys']; readonly label: string }[] = [
  { value: 'url', label: 'From an address (JWKS)' },
  { value: 'given', label: 'Given here' },
];

/** What belongs to the choice above it. */
function Belonging({ children }: { readonly children: ReactNode }) {
  return <div className="flex flex-col gap-4 border-l-2 border-line pl-3">{children}</div>;
}

function JwtFields(props: AccessFieldsProps) {
  const { draft, onChange } = props;
  return (
    <Belonging>
      <TextField {...props} name="jwtIssuer" label="Issuer" hint="What iss must be" />
      <TextField
        {...props}
        name="jwtAudience"
        label="Audiences"
        lines={2}
        hint="aud must name one of them; one a line"
      />
      <Field label="Public keys">
        {(control) => (
          <Select
            {...control}
            value={draft.jwtKeys}
            options={keySources}
            onChange={(event) => onChange({ jwtKeys: event.target.value === 'given' ? 'given' : 'url' })}
          />
        )}
      </Field>
      {draft.jwtKeys === 'url' ? (
        <TextField {...props} name="jwksUrl" label="Address of the keys" hint="https, in the public internet only" />
      ) : (
        <TextField {...props} name="jwks" label="Keys" lines={4} hint='{"keys": [ … ]}, public keys only' />
      )}
      <TextField
        {...props}
        name="jwtAlgorithms"
        label="Algorithms"
        hint="Separated by commas; empty: RS256, ES256 and EdDSA"
      />
      <TextField {...props} name="jwtClockToleranceSeconds" label="Clock tolerance (s)" hint="Up to 300; empty: 30" />
    </Belonging>
  );
}

function CallerFields(props: AccessFieldsProps) {
  const { draft, onChange } = props;
  return (
    <>
      <Field label="Who may call" hint={callerHints[draft.auth]}>
        {(control) => (
          <Select
            {...control}
            value={draft.auth}
            options={callers}
            onChange={(event) => {
              const chosen = callers.find(({ value }) => value === event.target.value);
              onChange({ auth: chosen?.value ?? draft.auth });
            }}
          />
        )}
      </Field>
      {draft.auth === 'signature' && (
        <Belonging>
          <TextField
            {...props}
            name="authKey"
            label="Key of signatures"
            hint="The variable or secret of this version that holds it"
          />
          <TextField
            {...props}
            name="authToleranceSeconds"
            label="Age of a message (s)"
            hint="Older ones are refused; up to 3600, empty: 300"
          />
        </Belonging>
      )}
      {draft.auth === 'jwt' && <JwtFields {...props} />}
    </>
  );
}

const corsChoices = [
  { value: 'off', label: 'Left to the function' },
  { value: 'on', label: 'Answered by the gateway' },
] as const;

function CorsFields(props: AccessFieldsProps) {
  const { draft, onChange } = props;
  return (
    <>
      <Field label="Pages of other sites (CORS)" hint="Preflights, and the headers of responses">
        {(control) => (
          <Select
            {...control}
            value={draft.cors}
            options={corsChoices}
            onChange={(event) => onChange({ cors: event.target.value === 'on' ? 'on' : 'off' })}
          />
        )}
      </Field>
      {draft.cors === 'on' && (
        <Belonging>
          <TextField
            {...props}
            name="corsOrigins"
            label="Origins"
            lines={2}
            hint="One a line, such as https://example.com; * for all"
          />
          <TextField
            {...props}
            name="corsMethods"
            label="Methods"
            hint="Separated by commas; empty: the one that is asked for"
          />
          <TextField
            {...props}
            name="corsHeaders"
            label="Request headers"
            hint="Separated by commas; empty: those that are asked for"
          />
          <TextField
            {...props}
            name="corsMaxAgeSeconds"
            label="Preflights are kept (s)"
            hint="Up to 86400; empty: 600"
          />
          <label className="flex min-h-6 items-center gap-2 text-sm">
            <input
              type="checkbox"
              checked={draft.corsCredentials}
              onChange={(event) => onChange({ corsCredentials: event.target.checked })}
            />
            With credentials of the browser
          </label>
        </Belonging>
      )}
    </>
  );
}

/** Who may call through the gateway, and which pages of other sites. */
export function AccessFields(props: AccessFieldsProps) {
  return (
    <>
      <CallerFields {...props} />
      <CorsFields {...props} />
    </>
  );
}
