import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { Flame, LogOut, Menu, PanelLeft, Search } from 'lucide-react';
import { lazy, Suspense, useEffect, useState } from 'react';
import { accessApi } from '../api/access.ts';
import { useBackend } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { Button, IconButton } from '../ui/button.tsx';
import { classes } from '../ui/classes.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Skeleton } from '../ui/spinner.tsx';
import { Toaster } from '../ui/toast.tsx';
import { ConnectionState, NewVersionNotice } from './connection.tsx';
import { ErrorBoundary } from './error-boundary.tsx';
import { LiveChanges } from './live-changes.tsx';
import { OwnPasswordButton } from './own-password-button.tsx';
import { ProjectSwitcher } from './project-switcher.tsx';
import { SafetyBanner } from './safety-banner.tsx';
import { pageOf, useSections } from './sections.ts';
import { ThemePicker } from './theme-picker.tsx';
import { TimeZonePicker } from './time-zone-picker.tsx';
import { useRail } from './use-rail.ts';

const CommandPalette = lazy(() =>
  import('./command-palette.tsx').then((module) => ({ default: module.CommandPalette })),
);

const NotPermitted = lazy(() => import('./not-permitted.tsx').then((module) => ({ default: module.NotPermitted })));

const Shortcuts = lazy(() => import('./shortcuts.tsx').then((module) => ({ default: module.Shortcuts })));

function Brand({ isCompact = false }: { readonly isCompact?: boolean }) {
  return (
    <Link
      to={paths.overview()}
      className="flex h-8 items-center gap-2 text-lg font-semibold tracking-tight text-text no-underline"
    >
      <Flame className="size-5 text-accent" aria-hidden="true" />
      <span className={isCompact ? 'sr-only' : ''}>Hearth</span>
    </Link>
  );
}

interface NavigationProps {
  readonly onNavigate?: () => void;
  /** Icons alone. */
  readonly isCompact?: boolean;
}

/** The sections that the person may read; while that is not known yet they hold their place unseen. */
function Navigation({ onNavigate, isCompact = false }: NavigationProps) {
  const { sections, isKnown } = useSections();
  return (
    <nav aria-label="Main" className={classes('flex flex-col gap-0.5', !isKnown && 'invisible')}>
      {sections.map(({ path, label, Icon }) => (
        <Link
          key={path}
          to={path}
          activeOptions={{ exact: path === paths.overview(), includeSearch: false }}
          {...(onNavigate === undefined ? {} : { onClick: onNavigate })}
          {...(isCompact ? { title: label } : {})}
          className="flex h-8 items-center gap-2.5 rounded-md px-2.5 text-sm text-muted no-underline hover:bg-raised hover:text-text aria-[current=page]:bg-raised aria-[current=page]:font-medium aria-[current=page]:text-text [&[aria-current=page]>svg]:text-accent"
        >
          <Icon className="size-4 shrink-0" aria-hidden="true" />
          <span className={isCompact ? 'sr-only' : ''}>{label}</span>
        </Link>
      ))}
    </nav>
  );
}

function SideFooter({ isCompact = false }: { readonly isCompact?: boolean }) {
  const { api, session } = useBackend();
  const { data } = useQuery(queries.system(api));
  return (
    <div className="flex flex-col gap-2 text-xs text-faint">
      {!isCompact && (
        <div className="flex flex-wrap items-center justify-between gap-1">
          <ThemePicker />
          <TimeZonePicker />
        </div>
      )}
      <div
        className={isCompact ? 'flex flex-col items-center gap-2' : 'flex items-center justify-between gap-2 pl-2.5'}
      >
        <ConnectionState isCompact={isCompact} />
        {!isCompact && data !== undefined && (
          <span className="tabular" title={`Hearth ${data.version}`}>
            v{data.version}
          </span>
        )}
        <span className={isCompact ? 'contents' : 'flex'}>
          <OwnPasswordButton />
          <IconButton label="Sign out" onClick={() => void accessApi.signOut(api).finally(() => session.signOut())}>
            <LogOut className="size-4" aria-hidden="true" />
          </IconButton>
        </span>
      </div>
    </div>
  );
}

function PaletteButton({ onOpen, isCompact }: { readonly onOpen: () => void; readonly isCompact?: boolean }) {
  if (isCompact === true) {
    return (
      <IconButton label="Search and commands" onClick={onOpen}>
        <Search className="size-4" aria-hidden="true" />
      </IconButton>
    );
  }
  return (
    <Button
      onClick={onOpen}
      aria-keyshortcuts="Control+K Meta+K"
      className="w-full !justify-start text-muted"
      icon={<Search className="size-4" aria-hidden="true" />}
    >
      Find…
      <kbd className="ml-auto font-sans text-xs text-faint">Ctrl K</kbd>
    </Button>
  );
}

function usePalette(): readonly [boolean, (isOpen: boolean) => void] {
  const [isOpen, setIsOpen] = useState(false);
  useEffect(() => {
    function onKey(event: KeyboardEvent): void {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey)
        return;
      event.preventDefault();
      setIsOpen(true);
    }
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return [isOpen, setIsOpen];
}

/** The page of the address, or why the person may not read it. */
function Page({ path }: { readonly path: string }) {
  const page = pageOf(path);
  const refusal = usePermission(page?.reads ?? 'whoami');
  if (page === undefined || refusal === undefined) return <Outlet />;
  return <NotPermitted title={page.label} reason={refusal} />;
}

/** The frame around every page: the rail (a menu on narrow screens), warnings, the page. */
export function AppShell() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const [isPaletteOpen, setPaletteOpen] = usePalette();
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [isCompact, setCompact] = useRail();
  const columns = isCompact ? 'lg:grid-cols-[3.75rem_minmax(0,1fr)]' : 'lg:grid-cols-[13.5rem_minmax(0,1fr)]';
  return (
    <div className={classes('min-h-screen lg:grid', columns)}>
      <a
        href="#main"
        className="absolute top-2 left-2 z-50 -translate-y-20 rounded-md bg-accent px-3 py-1.5 text-accent-on focus:translate-y-0"
      >
        Skip to the content
      </a>
      <aside className="sticky top-0 hidden h-screen flex-col gap-4 overflow-y-auto border-r border-line px-3 py-4 lg:flex [&>*]:shrink-0">
        <div className={classes('flex items-center justify-between', isCompact ? 'flex-col gap-2' : 'pl-2.5')}>
          <Brand isCompact={isCompact} />
          <IconButton
            label={isCompact ? 'Widen the navigation' : 'Narrow the navigation'}
            onClick={() => setCompact(!isCompact)}
          >
            <PanelLeft className="size-4" aria-hidden="true" />
          </IconButton>
        </div>
        {!isCompact && <ProjectSwitcher />}
        <PaletteButton isCompact={isCompact} onOpen={() => setPaletteOpen(true)} />
        <Navigation isCompact={isCompact} />
        <div className="grow" />
        <SideFooter isCompact={isCompact} />
      </aside>
      <header className="sticky top-0 z-30 flex items-center justify-between border-b border-line bg-bg px-4 py-2 lg:hidden">
        <Brand />
        <div className="flex gap-1">
          <PaletteButton isCompact onOpen={() => setPaletteOpen(true)} />
          <IconButton label="Menu" onClick={() => setMenuOpen(true)}>
            <Menu className="size-5" aria-hidden="true" />
          </IconButton>
        </div>
      </header>
      <Dialog isOpen={isMenuOpen} onClose={() => setMenuOpen(false)} title="Menu">
        <div className="flex flex-col gap-4">
          <ProjectSwitcher />
          <Navigation onNavigate={() => setMenuOpen(false)} />
          <SideFooter />
        </div>
      </Dialog>
      <div className="flex min-w-0 flex-col">
        <NewVersionNotice />
        <SafetyBanner />
        <main id="main" tabIndex={-1} className="mx-auto w-full max-w-[88rem] grow px-4 py-5 outline-none sm:px-6">
          <ErrorBoundary resetKey={path}>
            <Suspense fallback={<Skeleton lines={8} />}>
              <Page path={path} />
            </Suspense>
          </ErrorBoundary>
        </main>
      </div>
      {isPaletteOpen && (
        <Suspense fallback={null}>
          <CommandPalette onClose={() => setPaletteOpen(false)} />
        </Suspense>
      )}
      <Suspense fallback={null}>
        <Shortcuts />
      </Suspense>
      <LiveChanges />
      <Toaster />
    </div>
  );
}
