import { Monitor, Moon, Sun } from 'lucide-react';
import { classes } from '../ui/classes.ts';
import { setTheme, themes, useTheme } from '../ui/theme.ts';

const icons = { system: Monitor, light: Sun, dark: Moon } as const;
const names = { system: 'System theme', light: 'Light theme', dark: 'Dark theme' } as const;

export function ThemePicker() {
  const chosen = useTheme();
  return (
    <fieldset className="flex w-fit rounded-md border border-line p-0.5">
      <legend className="sr-only">Theme</legend>
      {themes.map((theme) => {
        const Icon = icons[theme];
        return (
          <button
            key={theme}
            type="button"
            title={names[theme]}
            aria-label={names[theme]}
            aria-pressed={theme === chosen}
            onClick={() => setTheme(theme)}
            className={classes(
              'grid h-6.5 w-8 place-items-center rounded',
              theme === chosen ? 'bg-raised text-text' : 'text-faint hover:text-text',
            )}
          >
            <Icon className="size-3.5" aria-hidden="true" />
          </button>
        );
      })}
    </fieldset>
  );
}
