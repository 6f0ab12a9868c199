import { Plus, X } from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';
import type {
  ArraySchema,
  BooleanSchema,
  EventPath,
  EventSchema,
  NumberSchema,
  ObjectSchema,
  StringSchema,
} from '../../shared/event-schema.ts';
import { Button, IconButton } from '../ui/button.tsx';
import { classes } from '../ui/classes.ts';
import { Field, Input, Select, TextArea } from '../ui/field.tsx';
import { childOf, type JsonNode } from '../util/json-text.ts';
import { firstValue, isJsonNumber, pathKey, whyFull } from './event-values.ts';

/** What fields read of the event, and how they change it. Values are JSON as it stands in the text. */
export interface EventFields {
  /** Empty where there is nothing. */
  readonly rawAt: (node: JsonNode | undefined) => string;
  /** What was typed and is not in the event, while the event still has `raw` there. */
  readonly typedAt: (path: EventPath, raw: string) => string | undefined;
  readonly violationAt: (path: EventPath) => string | undefined;
  readonly set: (path: EventPath, raw: string) => void;
  /** The focus goes to the place with that key. */
  readonly remove: (path: EventPath, focusNext?: string) => void;
  /** The focus goes to what was added. */
  readonly add: (path: EventPath, raw: string) => void;
  /** Shows what cannot be written yet. */
  readonly type: (path: EventPath, raw: string, typed: string) => void;
}

interface FieldsProps<S extends EventSchema> {
  readonly schema: S;
  readonly path: EventPath;
  /** Undefined: the event has nothing there. */
  readonly node: JsonNode | undefined;
  readonly fields: EventFields;
}

interface PartProps<S extends EventSchema> extends FieldsProps<S> {
  readonly label: string;
  readonly isRequired: boolean;
}

/** The fields of all properties, and a word about what the schema does not know. */
export function ObjectFields({ schema, path, node, fields }: FieldsProps<ObjectSchema>) {
  const properties = schema.properties ?? {};
  const violation = fields.violationAt(path);
  const others = node?.kind === 'object' ? node.members.filter(({ key }) => !Object.hasOwn(properties, key)) : [];
  const names = [...new Set(others.map(({ key }) => key))].join(', ');
  return (
    <>
      {Object.entries(properties).map(([name, property]) => (
        <Part
          key={name}
          schema={property}
          path={[...path, name]}
          label={property.title ?? name}
          isRequired={schema.required?.includes(name) === true}
          node={childOf(node, name)}
          fields={fields}
        />
      ))}
      {violation !== undefined ? (
        <p className="text-xs text-danger">{violation}</p>
      ) : (
        names !== '' && <p className="text-xs text-faint">Only in the text: {names}</p>
      )}
    </>
  );
}

function Part(props: PartProps<EventSchema>) {
  const { schema } = props;
  switch (schema.type) {
    case 'object':
      return <ObjectPart {...props} schema={schema} />;
    case 'array':
      return <ArrayPart {...props} schema={schema} />;
    case 'boolean':
      return <ChoicePart {...props} schema={schema} choices={['true', 'false']} />;
    default:
      if (schema.enum !== undefined)
        return <ChoicePart {...props} schema={schema} choices={schema.enum.map((choice) => JSON.stringify(choice))} />;
      return schema.type === 'string' ? (
        <TextPart {...props} schema={schema} />
      ) : (
        <NumberPart {...props} schema={schema} />
      );
  }
}

/** An entry of a list can be removed and not left out. */
const isEntry = ({ path }: Pick<PartProps<EventSchema>, 'path'>): boolean => typeof path.at(-1) === 'number';

const labelOf = (props: PartProps<EventSchema>): string =>
  props.isRequired && !isEntry(props) ? `${props.label} (required)` : props.label;

/** What is wrong comes first; what the field is for is said with it. */
function notesOf({ schema, path, fields }: FieldsProps<EventSchema>, unwritable?: string) {
  const shown = schema.default === undefined ? [] : [`Default: ${JSON.stringify(schema.default)}`];
  const hint = [...(schema.description === undefined ? [] : [schema.description]), ...shown].join(' · ');
  const wrong = unwritable ?? fields.violationAt(path);
  if (wrong !== undefined) return { error: hint === '' ? wrong : `${wrong} · ${hint}` };
  return hint === '' ? {} : { hint };
}

/** A scalar of another type than the schema names is shown as it stands in the event. */
function textOf(raw: string): string {
  return raw.startsWith('"') ? String(JSON.parse(raw)) : raw;
}

function ChoicePart(
  props: PartProps<StringSchema | NumberSchema | BooleanSchema> & { readonly choices: readonly string[] },
) {
  const { choices, path, node, fields, isRequired } = props;
  const raw = fields.rawAt(node);
  const isOther = raw !== '' && !choices.some((choice) => isSame(choice, raw));
  const options = [
    ...(isEntry(props) ? [] : [{ value: '', label: isRequired ? 'Choose' : 'Not set' }]),
    ...choices.map((choice) => ({ value: choice, label: textOf(choice) })),
    ...(isOther ? [{ value: raw, label: `${raw.slice(0, 60)} (as it is)` }] : []),
  ];
  return (
    <div data-path={pathKey(path)}>
      <Field label={labelOf(props)} {...notesOf(props)}>
        {(control) => (
          <Select
            {...control}
            options={options}
            value={choices.find((choice) => isSame(choice, raw)) ?? raw}
            onChange={({ target }) => (target.value === '' ? fields.remove(path) : fields.set(path, target.value))}
          />
        )}
      </Field>
    </div>
  );
}

/** `1.0` is the choice `1`, and `"é"` the choice `"é"`. */
function isSame(choice: string, raw: string): boolean {
  return choice === raw || (raw !== '' && !/^[{[]/.test(raw) && JSON.parse(choice) === JSON.parse(raw));
}

/** Keyboards of phones. Types of their own would drop spaces that the event has. */
const inputModes = { email: 'email', uri: 'url' } as const;
const inputModeOf = (format: StringSchema['format']) =>
  format === 'email' || format === 'uri' ? inputModes[format] : 'text';

function TextPart(props: PartProps<StringSchema>) {
  const { schema, path, node, fields, isRequired } = props;
  const raw = fields.rawAt(node);
  const value = textOf(raw);
  // A field of one line would drop the ends of lines; once there was one, it stays what it became.
  const [hasLines, setHasLines] = useState(false);
  if (!hasLines && value.includes('\n')) setHasLines(true);
  const write = (text: string) =>
    text === '' && !isRequired ? fields.remove(path) : fields.set(path, JSON.stringify(text));
  // A field for dates shows nothing of what is none.
  const isDate = schema.format === 'date' && (value === '' || fields.violationAt(path) === undefined);
  return (
    <div data-path={pathKey(path)}>
      <Field label={labelOf(props)} {...notesOf(props)}>
        {(control) =>
          hasLines ? (
            <TextArea {...control} rows={4} value={value} onChange={({ target }) => write(target.value)} />
          ) : (
            <div className="flex gap-1.5">
              <Input
                {...control}
                type={isDate ? 'date' : 'text'}
                inputMode={inputModeOf(schema.format)}
                value={value}
                onChange={({ target }) => write(target.value)}
              />
              {schema.format === 'date-time' && (
                <Button aria-label={`Now: ${props.label}`} onClick={() => write(new Date().toISOString())}>
                  Now
                </Button>
              )}
            </div>
          )
        }
      </Field>
    </div>
  );
}

function NumberPart(props: PartProps<NumberSchema>) {
  const { path, node, fields } = props;
  const raw = fields.rawAt(node);
  const typed = fields.typedAt(path, raw);
  const write = (text: string) => {
    const number = text.trim();
    if (number === '' && !isEntry(props)) fields.remove(path);
    else if (isJsonNumber(number)) fields.set(path, number);
    else fields.type(path, raw, text);
  };
  return (
    <div data-path={pathKey(path)}>
      <Field
        label={labelOf(props)}
        {...notesOf(
          props,
          typed === undefined ? undefined : 'Not a number such as 12, -0.5 or 1e6: the event does not have it',
        )}
      >
        {(control) => (
          <Input
            {...control}
            inputMode="decimal"
            className="tabular"
            value={typed ?? raw}
            onChange={({ target }) => write(target.value)}
          />
        )}
      </Field>
    </div>
  );
}

interface GroupProps {
  readonly label: string;
  readonly note: { readonly hint?: string; readonly error?: string };
  readonly place: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

function Group({ label, note, place, actions, children }: GroupProps) {
  const id = useId();
  const text = note.error ?? note.hint;
  return (
    <fieldset
      className="relative min-w-0 border-l-2 border-line pl-3"
      data-path={place}
      {...(text === undefined ? {} : { 'aria-describedby': id })}
    >
      <legend className="min-h-7 pr-9 text-sm leading-7 font-medium">{label}</legend>
      {/* What is placed within a fieldset is placed from the end of its legend, which is one line of this height. */}
      <div className="absolute -top-7 right-0">{actions}</div>
      {text !== undefined && (
        <p id={id} className={classes('text-xs', note.error === undefined ? 'text-faint' : 'text-danger')}>
          {text}
        </p>
      )}
      <div className="mt-1.5 flex flex-col gap-3">{children}</div>
    </fieldset>
  );
}

function Remove({
  label,
  path,
  fields,
  focusNext,
}: Pick<PartProps<EventSchema>, 'label' | 'path' | 'fields'> & { readonly focusNext: string }) {
  return (
    <IconButton label={`Remove ${label}`} onClick={() => fields.remove(path, focusNext)}>
      <X className="size-4" aria-hidden="true" />
    </IconButton>
  );
}

function Add({
  label,
  path,
  raw,
  fields,
  reason,
  focusKey,
}: Pick<PartProps<EventSchema>, 'label' | 'path' | 'fields'> & {
  readonly raw: string;
  readonly reason?: string | undefined;
  readonly focusKey: string;
}) {
  return (
    <Button
      size="small"
      className="self-start"
      data-path={focusKey}
      icon={<Plus className="size-3.5" aria-hidden="true" />}
      disabledReason={reason}
      onClick={() => fields.add(path, raw)}
    >
      {label}
    </Button>
  );
}

const inThePlaceOf = (what: string, raw: string): string => `Put ${what} in the place of ${raw.slice(0, 30)}`;

function ObjectPart(props: PartProps<ObjectSchema>) {
  const { schema, path, node, fields, label } = props;
  const key = pathKey(path);
  const addKey = `add ${key}`;
  const isThere = node?.kind === 'object';
  const word = node === undefined ? `Add ${label}` : inThePlaceOf('an object', fields.rawAt(node));
  return (
    <Group
      label={labelOf(props)}
      // What is wrong within it is said by its fields.
      note={isThere ? notesOf({ ...props, fields: { ...fields, violationAt: () => undefined } }) : notesOf(props)}
      place={key}
      actions={isThere && !isEntry(props) && <Remove {...props} focusNext={addKey} />}
    >
      {isThere ? (
        <ObjectFields schema={schema} path={path} node={node} fields={fields} />
      ) : (
        <Add {...props} label={word} raw={firstValue(schema)} focusKey={addKey} />
      )}
    </Group>
  );
}

function ArrayPart(props: PartProps<ArraySchema>) {
  const { schema, path, node, fields, label } = props;
  const key = pathKey(path);
  const addKey = `add ${key}`;
  const items = node?.kind === 'array' ? node.items : undefined;
  const one = schema.items.title ?? label;
  const isInTheWay = node !== undefined && items === undefined;
  const count = items?.length ?? 0;
  return (
    <Group
      label={labelOf(props)}
      note={notesOf(props)}
      place={key}
      actions={items !== undefined && !isEntry(props) && <Remove {...props} focusNext={addKey} />}
    >
      {items?.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: entries of a list have nothing else to be told apart by
        <div key={index} className="flex min-w-0 items-start gap-1">
          <div className="min-w-0 grow">
            <Part
              schema={schema.items}
              path={[...path, index]}
              label={`${one} ${index + 1}`}
              isRequired
              node={item}
              fields={fields}
            />
          </div>
          <Remove label={`${one} ${index + 1}`} path={[...path, index]} fields={fields} focusNext={addKey} />
        </div>
      ))}
      {isInTheWay ? (
        <Add {...props} label={inThePlaceOf('a list', fields.rawAt(node))} raw="[]" focusKey={addKey} />
      ) : (
        <Add
          label={`Add ${one} ${count + 1}`}
          path={[...path, count]}
          raw={firstValue(schema.items)}
          fields={fields}
          reason={whyFull(schema, count)}
          focusKey={addKey}
        />
      )}
    </Group>
  );
}
