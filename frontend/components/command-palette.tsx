import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Dialog as Radix } from 'radix-ui';
import { useState } from 'react';
import { accessQueries } from '../api/access.ts';
import { useApi, useBackend } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { classes } from '../ui/classes.ts';
import { copyText } from '../ui/copy-button.tsx';
import { setTheme } from '../ui/theme.ts';
import { toast } from '../ui/toast.tsx';
import { allCommands, type Command, type Effect, matchCommands } from '../util/commands.ts';
import { useSettled } from '../util/hooks.ts';
import { setTimeZone } from '../util/time-zone.ts';
import { useSections } from './sections.ts';

function useCommands(search: string): readonly Command[] {
  const api = useApi();
  // Of "logs of hello" the platform is asked for hello; the labels are then compared with all words.
  const name = search.trim().split(/\s+/).at(-1) ?? '';
  const { data } = useInfiniteQuery(queries.functions(api, useSettled(name, 150)));
  const { data: projects } = useQuery(accessQueries.projects(api));
  const { sections } = useSections();
  const mayCreate = usePermission('createFunction') === undefined;
  return allCommands({
    functions: (data?.pages ?? []).flatMap((page) => page.items),
    sections,
    projects: (projects?.items ?? []).map((project) => project.name),
    here: location.href,
    mayCreate,
  });
}

/** Does what a command says, and says what came of it where that is not seen. */
function useEffectOf(): (effect: Effect) => void {
  const { api, session } = useBackend();
  const navigate = useNavigate();
  const invoke = async (name: string) => {
    const { status, invocationId } = await api.invoke(name, '{}', { qualifier: 'live' }, new AbortController().signal);
    toast.done(`${name} answered ${status}`);
    if (invocationId !== undefined) await navigate({ to: paths.invocation(invocationId) });
  };
  return (effect) => {
    if (effect.kind === 'theme') setTheme(effect.theme);
    else if (effect.kind === 'time-zone') setTimeZone(effect.zone);
    else if (effect.kind === 'go') void navigate({ to: effect.path, search: effect.search ?? {} });
    else if (effect.kind === 'project') {
      void navigate({ to: paths.overview() });
      session.showProject(effect.project);
    } else if (effect.kind === 'copy') {
      copyText(effect.text).then(
        () => toast.done(`${effect.what} is copied`),
        (error: unknown) => toast.failed('Not copied', error),
      );
    } else {
      invoke(effect.functionName).catch((error: unknown) =>
        toast.failed(`${effect.functionName} was not invoked`, error),
      );
    }
  };
}

/** Ctrl+K: go anywhere, do the common things, by typing. */
export function CommandPalette({ onClose }: { readonly onClose: () => void }) {
  const [search, setSearch] = useState('');
  const [active, setActive] = useState(0);
  const act = useEffectOf();
  const found = matchCommands(useCommands(search), search).slice(0, 12);
  const current = found[Math.min(active, found.length - 1)];
  const run = (command: Command | undefined) => {
    if (command === undefined) return;
    onClose();
    act(command.effect);
  };
  const onKey = (key: string): boolean => {
    if (key === 'ArrowDown') setActive(Math.min(active + 1, found.length - 1));
    else if (key === 'ArrowUp') setActive(Math.max(active - 1, 0));
    else if (key === 'Enter') run(current);
    else return false;
    return true;
  };
  return (
    <Radix.Root open onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="dialog-overlay fixed inset-0 z-40 bg-[#0008]" />
        <Radix.Content
          aria-describedby={undefined}
          className="dialog-content fixed top-[12vh] left-1/2 z-40 w-[min(36rem,calc(100vw-1.5rem))] -translate-x-1/2 overflow-hidden rounded-lg border border-line-strong bg-surface shadow-2xl"
        >
          <Radix.Title className="sr-only">Search and commands</Radix.Title>
          <input
            role="combobox"
            aria-label="Search functions, pages and actions"
            aria-expanded="true"
            aria-controls="palette-list"
            aria-activedescendant={current === undefined ? undefined : `palette-${current.id}`}
            placeholder="Search functions, pages and actions"
            value={search}
            onChange={(event) => {
              setSearch(event.target.value);
              setActive(0);
            }}
            onKeyDown={(event) => {
              if (onKey(event.key)) event.preventDefault();
            }}
            className="h-12 w-full border-b border-line bg-surface px-4 text-base outline-none"
          />
          <div id="palette-list" role="listbox" aria-label="Results" className="max-h-[50vh] overflow-y-auto p-1.5">
            {found.map((command) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard works through the field (aria-activedescendant)
              <div
                key={command.id}
                id={`palette-${command.id}`}
                role="option"
                tabIndex={-1}
                aria-selected={command === current}
                onClick={() => run(command)}
                onMouseMove={() => setActive(found.indexOf(command))}
                className={classes(
                  'flex h-9 cursor-pointer items-center justify-between rounded-md px-3 text-sm',
                  command === current && 'bg-raised',
                )}
              >
                <span className="truncate">{command.label}</span>
                <span className="text-xs text-faint">{command.group}</span>
              </div>
            ))}
          </div>
          {found.length === 0 && <p className="px-4 pb-6 text-center text-sm text-muted">Nothing found</p>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
