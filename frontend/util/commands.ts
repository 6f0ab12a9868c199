import type { Theme } from '../ui/theme.ts';

export interface Command {
  readonly id: string;
  readonly label: string;
  readonly group: 'Function' | 'Page' | 'Action';
  readonly path?: string;
  readonly theme?: Theme;
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
