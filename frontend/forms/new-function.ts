import type { CreateFunction, InlineFiles } from '../../shared/api/functions.ts';
import type { RuntimeName } from '../../shared/version-config.ts';
import {
  checkSettings,
  chosenConfigOf,
  emptySettings,
  type Files,
  type SettingsDraft,
  type SettingsErrors,
  settingsOfTemplate,
} from './draft.ts';
import { checkImage, emptyImage, type ImageDraft, type ImageErrors, imageOf } from './image-draft.ts';
import { nameError } from './names.ts';
import { type NumberKey, numberSettings } from './number-settings.ts';
import { bootstrapName, type Program } from './program.ts';
import type { Template } from './templates.ts';

/** A function as the form for a new one holds it. */
export interface FunctionDraft {
  readonly name: string;
  readonly description: string;
  readonly runtime: RuntimeName;
  readonly files: Files;
  /** With runtime `custom`: takes the place of the file `bootstrap`. */
  readonly program: Program | undefined;
  /** With runtime `image`: takes the place of all code. */
  readonly image: ImageDraft;
  readonly settings: SettingsDraft;
}

export const draftOfTemplate = (template: Template): FunctionDraft => ({
  name: template.name,
  description: '',
  runtime: template.runtime,
  files: template.files,
  program: undefined,
  image: emptyImage,
  settings: settingsOfTemplate(template),
});

export const draftOfImage = (): FunctionDraft => ({
  name: 'web',
  description: '',
  runtime: 'image',
  files: {},
  program: undefined,
  image: emptyImage,
  settings: { ...emptySettings, handler: 'image' },
});

export interface FunctionErrors {
  readonly name: string | undefined;
  readonly settings: SettingsErrors;
  readonly image: ImageErrors;
  /** The first of all, with where it is; undefined: it can be sent. */
  readonly first: string | undefined;
}

export function checkFunction(draft: FunctionDraft): FunctionErrors {
  const name = nameError(draft.name);
  const settings = checkSettings(draft.settings);
  const image = draft.runtime === 'image' ? checkImage(draft.image) : {};
  const firstOf = (where: string, errors: object) =>
    Object.entries(errors)
      .slice(0, 1)
      .map(([key, error]) => `${key in numberSettings ? numberSettings[key as NumberKey].label : where}: ${error}`)[0];
  const first =
    firstOf('Name', name === undefined ? {} : { name }) ?? firstOf('Image', image) ?? firstOf('Settings', settings);
  return { name, settings, image, first };
}

function filesOf({ runtime, files, program }: FunctionDraft): InlineFiles {
  if (runtime !== 'custom' || program === undefined) return files;
  return { ...files, [bootstrapName]: { base64: program.base64 } };
}

/** What is sent of a checked draft; `fixed` is what its template says and the form does not show. */
export function functionOf(draft: FunctionDraft, fixed: Template['settings']): CreateFunction {
  const { name, description, runtime } = draft;
  if (runtime === 'image') {
    const { handler: _handler, ...config } = chosenConfigOf(draft.settings);
    return { ...config, name, description, runtime, image: imageOf(draft.image) };
  }
  return { ...fixed, ...chosenConfigOf(draft.settings), name, description, runtime, files: filesOf(draft) };
}
