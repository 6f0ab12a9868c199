import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Navigate } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { useIsSignedIn, useShownProject } from './api/context.tsx';
import { AppShell } from './components/app-shell.tsx';
import { paths } from './path-builder.ts';
import { keepRange, rememberRange } from './util/tab-range.ts';

// Most visits begin signed in.
const SignInPage = lazy(() => import('./pages/sign-in.tsx').then((module) => ({ default: module.SignInPage })));

/** Without a token there is one page; the address stays, so that signing in leads to where somebody wanted to go. */
function Gate() {
  const project = useShownProject();
  // Another project is another dashboard: nothing that was loaded for one may stay on the screen.
  if (useIsSignedIn()) return <AppShell key={project ?? ''} />;
  return (
    <Suspense fallback={null}>
      <SignInPage />
    </Suspense>
  );
}

const NotFoundPage = lazyRouteComponent(() => import('./pages/not-found.tsx'), 'NotFoundPage');
const rootRoute = createRootRoute({
  component: Gate,
  notFoundComponent: NotFoundPage,
  search: { middlewares: [keepRange] },
});
const page = <Path extends string>(path: Path, component: ReturnType<typeof lazyRouteComponent>) =>
  createRoute({ getParentRoute: () => rootRoute, path, component });

const functionPage = lazyRouteComponent(() => import('./pages/function.tsx'), 'FunctionPage');
const functionRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/functions/$name',
  component: functionPage,
});
const tab = <Path extends string>(path: Path, component: ReturnType<typeof lazyRouteComponent>) =>
  createRoute({ getParentRoute: () => functionRoute, path, component });

const routeTree = rootRoute.addChildren([
  page(
    '/',
    lazyRouteComponent(() => import('./pages/overview.tsx'), 'OverviewPage'),
  ),
  page('/sign-in', () => <Navigate to={paths.overview()} replace />),
  page(
    '/functions',
    lazyRouteComponent(() => import('./pages/functions.tsx'), 'FunctionsPage'),
  ),
  page(
    '/functions/new',
    lazyRouteComponent(() => import('./pages/new-function.tsx'), 'NewFunctionPage'),
  ),
  functionRoute.addChildren([
    tab(
      '/',
      lazyRouteComponent(() => import('./pages/function-overview.tsx'), 'FunctionOverviewTab'),
    ),
    tab(
      '/code',
      lazyRouteComponent(() => import('./pages/function-code.tsx'), 'FunctionCodeTab'),
    ),
    tab(
      '/invocations',
      lazyRouteComponent(() => import('./pages/function-invocations.tsx'), 'FunctionInvocationsTab'),
    ),
    tab(
      '/logs',
      lazyRouteComponent(() => import('./pages/function-logs.tsx'), 'FunctionLogsTab'),
    ),
    tab(
      '/errors',
      lazyRouteComponent(() => import('./pages/function-errors.tsx'), 'FunctionErrorsTab'),
    ),
    tab(
      '/versions',
      lazyRouteComponent(() => import('./pages/function-versions.tsx'), 'FunctionVersionsTab'),
    ),
    tab(
      '/triggers',
      lazyRouteComponent(() => import('./pages/function-triggers.tsx'), 'FunctionTriggersTab'),
    ),
    tab(
      '/settings',
      lazyRouteComponent(() => import('./pages/function-settings.tsx'), 'FunctionSettingsTab'),
    ),
  ]),
  page(
    '/invocations',
    lazyRouteComponent(() => import('./pages/invocations.tsx'), 'InvocationsPage'),
  ),
  page(
    '/invocations/$id',
    lazyRouteComponent(() => import('./pages/invocation.tsx'), 'InvocationPage'),
  ),
  page(
    '/logs',
    lazyRouteComponent(() => import('./pages/logs.tsx'), 'LogsPage'),
  ),
  page(
    '/errors',
    lazyRouteComponent(() => import('./pages/errors.tsx'), 'ErrorsPage'),
  ),
  page(
    '/routes',
    lazyRouteComponent(() => import('./pages/routes.tsx'), 'RoutesPage'),
  ),
  page(
    '/schedules',
    lazyRouteComponent(() => import('./pages/schedules.tsx'), 'SchedulesPage'),
  ),
  page(
    '/dead-letters',
    lazyRouteComponent(() => import('./pages/dead-letters.tsx'), 'DeadLettersPage'),
  ),
  page(
    '/alerts',
    lazyRouteComponent(() => import('./pages/alerts.tsx'), 'AlertsPage'),
  ),
  page(
    '/costs',
    lazyRouteComponent(() => import('./pages/costs.tsx'), 'CostsPage'),
  ),
  page(
    '/system',
    lazyRouteComponent(() => import('./pages/system.tsx'), 'SystemPage'),
  ),
  page(
    '/secrets',
    lazyRouteComponent(() => import('./pages/secrets.tsx'), 'SecretsPage'),
  ),
  page(
    '/tokens',
    lazyRouteComponent(() => import('./pages/tokens.tsx'), 'TokensPage'),
  ),
  page(
    '/projects',
    lazyRouteComponent(() => import('./pages/projects.tsx'), 'ProjectsPage'),
  ),
  page(
    '/projects/$name',
    lazyRouteComponent(() => import('./pages/project.tsx'), 'ProjectPage'),
  ),
  page(
    '/users',
    lazyRouteComponent(() => import('./pages/users.tsx'), 'UsersPage'),
  ),
  page(
    '/audit',
    lazyRouteComponent(() => import('./pages/audit.tsx'), 'AuditPage'),
  ),
]);

export function createDashboardRouter() {
  const router = createRouter({
    routeTree,
    defaultPreload: 'intent',
    scrollRestoration: true,
    defaultNotFoundComponent: NotFoundPage,
  });
  router.subscribe('onResolved', ({ toLocation }) => rememberRange(toLocation.search, sessionStorage));
  return router;
}
