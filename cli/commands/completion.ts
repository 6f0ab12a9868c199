import { Argument, type Command } from 'commander';
import type { ContextFactory } from '../context.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

interface Word {
  readonly name: string;
  readonly text: string;
}
interface Place {
  /** The commands that lead here, each with a slash before it; the program itself is the empty text. */
  readonly path: string;
  /** What leads here besides `path`. */
  readonly others: readonly string[];
  readonly words: readonly Word[];
}

export function registerCompletion(program: Command, context: ContextFactory): void {
  program
    .command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      '\nFor this user, once:\n  bash  hearth completion bash > ~/.local/share/bash-completion/completions/hearth\n  zsh   hearth completion zsh > "$fpath[1]/_hearth"\n  fish  hearth completion fish > ~/.config/fish/completions/hearth.fish',
    )
    .action((shell: Shell) => context().terminal.print(scripts[shell](placesOf(program))));
}

/** Every command with what may follow it. The tree is the one that parses, so that nothing is told twice. */
function placesOf(command: Command, path = '', others: readonly string[] = []): readonly Place[] {
  const words = [
    ...command.commands.map((child) => ({ name: child.name(), text: child.description() })),
    ...command.options.map((option) => ({ name: option.long ?? option.short ?? '', text: option.description })),
    { name: '--help', text: 'show what it takes' },
  ];
  const below = command.commands.flatMap((child) =>
    placesOf(
      child,
      `${path}/${child.name()}`,
      child.aliases().map((alias) => `${path}/${alias}`),
    ),
  );
  return [{ path, others, words }, ...below];
}

const names = ({ words }: Place): string => words.map(({ name }) => name).join(' ');
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
/** `case` patterns of what leads to a command, for shells of the Bourne family. */
const steps = (places: readonly Place[], variable: string): string =>
  places
    .filter(({ path }) => path !== '')
    .map(({ path, others }) => `      ${[path, ...others].map(quoted).join('|')}) ${variable}=${quoted(path)} ;;`)
    .join('\n');

const bash = (places: readonly Place[]): string => `# bash completion for hearth
_hearth() {
  local at='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at/\${COMP_WORDS[i]}" in
${steps(places, 'at')}
    esac
  done
  case "$at" in
${places.map((place) => `    ${quoted(place.path)}) words=${quoted(names(place))} ;;`).join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _hearth hearth`;

const zsh = (places: readonly Place[]): string => `#compdef hearth
_hearth() {
  local at='' word
  local -a choices
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at/$word" in
${steps(places, 'at')}
    esac
  done
  case "$at" in
${places
  .map(({ path, words }) => {
    const choices = words.map(({ name, text }) => quoted(`${name}:${text.replaceAll(':', '\\:')}`)).join(' ');
    return `    ${quoted(path)}) choices=(${choices}) ;;`;
  })
  .join('\n')}
  esac
  _describe hearth choices || _files
}
if [[ "\${funcstack[1]}" = _hearth ]]; then _hearth "$@"; else compdef _hearth hearth; fi`;

const fishQuoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const fish = (places: readonly Place[]): string => `# fish completion for hearth
function __hearth_at
    set -l at ''
    set -l typed (commandline -opc)
    for word in $typed[2..-1]
        switch "$at/$word"
${places
  .filter(({ path }) => path !== '')
  .map(
    ({ path, others }) =>
      `            case ${[path, ...others].map(fishQuoted).join(' ')}\n                set at ${fishQuoted(path)}`,
  )
  .join('\n')}
        end
    end
    test "$at" = "$argv[1]"
end
${places
  .flatMap(({ path, words }) =>
    words.map(({ name, text }) => {
      const what = name.startsWith('--') ? `-l ${name.slice(2)}` : `-f -a ${fishQuoted(name)}`;
      return `complete -c hearth -n ${fishQuoted(`__hearth_at ${fishQuoted(path)}`)} ${what} -d ${fishQuoted(text)}`;
    }),
  )
  .join('\n')}`;

const scripts: Readonly<Record<Shell, (places: readonly Place[]) => string>> = { bash, zsh, fish };
