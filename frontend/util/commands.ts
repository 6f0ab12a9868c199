import type { FunctionDocument } from '../../shared/api/functions.ts';
import { type FunctionTab, paths } from '../path-builder.ts';
import { type Theme, themes } from '../ui/theme.ts';
import { type TimeZone, timeZones } from './time-zone.ts';

/** What a command does. What somebody may not do, the platform refuses, and that is shown. */
export type Effect =
  | { readonly kind: 'go'; readonly path: string; readonly search?: Readonly<Record<string, string>> }
  | { readonly kind: 'theme'; readonly theme: Theme }
  | { readonly kind: 'time-zone'; readonly zone: TimeZone }
  /** Undefined: that of the token. */
  | { readonly kind: 'project'; readonly project: string | undefined }
  | { readonly kind: 'copy'; readonly text: string; readonly what: string }
  | { readonly kind: 'invoke'; readonly functionName: string };

export interface Command {
  readonly id: string;
  readonly label: string;
  readonly group: 'Function' | 'Page' | 'Action';
  readonly effect: Effect;
}

export interface CommandSources {
  readonly functions: readonly Pick<FunctionDocument, 'name' | 'url'>[];
  readonly sections: readonly { readonly path: string; readonly label: string }[];
  /** Names; fewer than two leave nothing to choose. */
  readonly projects: readonly string[];
  /** The address of the page that is open. */
  readonly here: string;
  readonly mayCreate: boolean;
}

/** More functions than these are found by typing more of the name. */
const maxFunctions = 50;
const themeNames = { system: 'as the system', light: 'light', dark: 'dark' } as const;
const zoneNames = { local: 'local time', utc: 'UTC' } as const;

const action = (id: string, label: string, effect: Effect): Command => ({ id, label, group: 'Action', effect });

function commandsOfFunction({ name, url }: CommandSources['functions'][number]): readonly Command[] {
  const go = (tab: FunctionTab, search?: Readonly<Record<string, string>>): Effect => ({
    kind: 'go',
    path: paths.function(name, tab),
    ...(search === undefined ? {} : { search }),
  });
  return [
    { id: `fn ${name}`, label: name, group: 'Function', effect: go('overview') },
    action(`test ${name}`, `Test ${name}`, go('code')),
    action(`invoke ${name}`, `Invoke ${name} with an empty event`, { kind: 'invoke', functionName: name }),
    action(`deploy ${name}`, `Deploy ${name}`, go('code')),
    action(`back ${name}`, `Roll back ${name}`, go('versions', { do: 'rollback' })),
    action(`logs ${name}`, `Logs of ${name}`, go('logs')),
    action(`errors ${name}`, `Errors of ${name}`, go('errors')),
    action(`ver ${name}`, `Versions of ${name}`, go('versions')),
    action(`url ${name}`, `Copy the address of ${name}`, { kind: 'copy', text: url, what: `The address of ${name}` }),
  ];
}

/** Everything that can be done from here by typing. */
export function allCommands({ functions, sections, projects, here, mayCreate }: CommandSources): readonly Command[] {
  return [
    ...functions.slice(0, maxFunctions).flatMap(commandsOfFunction),
    ...(mayCreate ? [action('new', 'New function', { kind: 'go', path: paths.newFunction() })] : []),
    ...sections.map(({ path, label }): Command => ({ id: path, label, group: 'Page', effect: { kind: 'go', path } })),
    action('link', 'Copy a link to this page', { kind: 'copy', text: here, what: 'The link' }),
    ...(projects.length < 2
      ? []
      : projects.map((project) =>
          action(`project ${project}`, `Switch to project ${project}`, { kind: 'project', project }),
        )),
    ...themes.map((theme) => action(`theme ${theme}`, `Theme: ${themeNames[theme]}`, { kind: 'theme', theme })),
    ...timeZones.map((zone) => action(`zone ${zone}`, `Times: ${zoneNames[zone]}`, { kind: 'time-zone', zone })),
  ];
}

const groupOrder: Readonly<Record<Command['group'], number>> = { Function: 0, Page: 1, Action: 2 };

/** How well a label fits, lower is better; undefined when a word of the search is not in it. */
export function matchScore(label: string, search: string): number | undefined {
  const text = label.toLowerCase();
  let score = 0;
  for (const word of search.toLowerCase().split(/\s+/).filter(Boolean)) {
    const at = text.indexOf(word);
    if (at < 0) return undefined;
    const isWordStart = at === 0 || /[^a-z0-9]/.test(text[at - 1] ?? '');
    score += at + (isWordStart ? 0 : 50);
  }
  return score;
}

/** The commands that contain every word of the search, the best first. Without a search: pages, then actions, then functions. */
export function matchCommands(commands: readonly Command[], search: string): readonly Command[] {
  if (search.trim() === '') {
    const weight = (command: Command) =>
      command.group === 'Page' ? 0 : command.id === 'new' ? 1 : command.group === 'Function' ? 2 : 3;
    return commands.toSorted((a, b) => weight(a) - weight(b));
  }
  return commands
    .map((command) => ({ command, score: matchScore(command.label, search) }))
    .filter((entry): entry is { command: Command; score: number } => entry.score !== undefined)
    .sort((a, b) => a.score - b.score || groupOrder[a.command.group] - groupOrder[b.command.group])
    .map((entry) => entry.command);
}
