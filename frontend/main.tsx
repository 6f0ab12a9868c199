import './util/validation.ts';
import { MutationCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Api } from './api/api.ts';
import { ApiClient } from './api/client.ts';
import { BackendProvider } from './api/context.tsx';
import { LiveEvents } from './api/live-events.ts';
import { LiveTicks } from './api/live-ticks.ts';
import { ApiError } from './api/server-error.ts';
import { Session } from './api/session.ts';
import { createDashboardRouter } from './routes.tsx';
import './styles/index.css';
import { applyTheme } from './ui/theme.ts';
import { TooltipLayer } from './ui/tooltip.tsx';
import { withTabRange } from './util/tab-range.ts';

applyTheme();

const session = new Session({ lasting: localStorage, passing: sessionStorage });
/** Before the router reads the address: a token must not stay in the history. */
function adoptToken(): void {
  const rest = session.adopt(location.hash);
  if (rest !== undefined) history.replaceState(history.state, '', location.pathname + location.search + rest);
}
adoptToken();
globalThis.addEventListener('hashchange', adoptToken);
const query = withTabRange(location.search, sessionStorage);
if (query !== undefined) history.replaceState(history.state, '', location.pathname + query + location.hash);

const client = new ApiClient({ session, baseUrl: '', fetch: globalThis.fetch });
const events = new LiveEvents({ client, isSignedIn: () => session.token !== undefined });
const live = new LiveTicks(events);
const queryClient = new QueryClient({
  mutationCache: new MutationCache({
    // Somebody took a role away since: what is offered has to be asked for again.
    onError: (error) => {
      if (error instanceof ApiError && error.status === 403)
        void queryClient.invalidateQueries({ queryKey: ['whoami'] });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 2000,
      // What the platform refused will not be granted by asking again; what it could not answer may be.
      retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status < 500),
      refetchIntervalInBackground: false,
    },
  },
});
session.subscribe(() => {
  live.reset();
  events.reset();
  queryClient.clear();
});

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <BackendProvider backend={{ api: new Api({ client }), session, events, live }}>
        <RouterProvider router={createDashboardRouter()} />
        <TooltipLayer />
      </BackendProvider>
    </QueryClientProvider>
  </StrictMode>,
);
