import { useQuery } from '@tanstack/react-query';
import { Link, Outlet } from '@tanstack/react-router';
import { Suspense } from 'react';
import type { Alias, FunctionDocument } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { processServerError } from '../api/server-error.ts';
import { PageHeader } from '../components/page-header.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { RuntimeBadge } from '../components/runtime-badge.tsx';
import { useSetEnabled } from '../components/use-set-enabled.ts';
import { type FunctionTab, functionTabs, paths } from '../path-builder.ts';
import { Badge, Dot } from '../ui/badge.tsx';
import { buttonClasses } from '../ui/button.tsx';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Skeleton } from '../ui/spinner.tsx';
import { tabClasses } from '../ui/tab-classes.ts';
import { formatPercent } from '../util/format.ts';
import { stateOf } from '../util/function-state.ts';
import { useNameParam } from '../util/hooks.ts';
import { shareOf } from '../util/traffic.ts';

const tabNames: Readonly<Record<FunctionTab, string>> = {
  overview: 'Overview',
  code: 'Code and test',
  invocations: 'Invocations',
  logs: 'Logs',
  errors: 'Errors',
  versions: 'Versions',
  triggers: 'Triggers',
  settings: 'Settings',
};

/** What is live, with the shares when the traffic is split. */
function LiveBadge({ fn, aliases }: { readonly fn: FunctionDocument; readonly aliases: readonly Alias[] }) {
  const versions = aliases.find((alias) => alias.name === 'live')?.versions ?? [];
  if (fn.liveVersion === null) return <Badge tone="accent">not live</Badge>;
  if (versions.length < 2) return <Badge tone="accent">live v{fn.liveVersion}</Badge>;
  const shares = versions.map(({ version }) => `v${version} ${formatPercent(shareOf(versions, version))}`);
  return <Badge tone="accent">live {shares.join(' · ')}</Badge>;
}

function Heading({ name }: { readonly name: string }) {
  return (
    <>
      <Link to={paths.functions()} className="font-normal text-faint no-underline hover:text-text">
        Functions <span aria-hidden="true">/</span>{' '}
      </Link>
      {name}
    </>
  );
}

/** On every tab: whoever looks for calls that do not come should not have to look for the reason. */
function Disabled({ name }: { readonly name: string }) {
  const setEnabled = useSetEnabled();
  return (
    <div className="mb-4">
      <Callout
        tone="warn"
        title="This function is disabled"
        actions={
          <PermittedButton
            operation="updateFunction"
            isBusy={setEnabled.isPending}
            onClick={() => setEnabled.mutate({ names: [name], enabled: true })}
          >
            Enable it
          </PermittedButton>
        }
      >
        Every call is answered with 503, schedules skip their ticks, and queued calls wait.
      </Callout>
    </div>
  );
}

/** The frame of one function: what it is, and its tabs, each with an address of its own. */
export function FunctionPage() {
  const api = useApi();
  const name = useNameParam();
  const query = useQuery(queries.function(api, name));
  const aliases = useQuery(queries.aliases(api, name));
  const fn = query.data;
  if (fn === undefined && query.error !== null) {
    const error = processServerError(query.error);
    if (error.status !== 404) return <ErrorCallout error={error} />;
    return (
      <>
        <PageHeader title={name} />
        <EmptyState
          title={`There is no function ${name}`}
          actions={
            <Link to={paths.functions()} className={buttonClasses()}>
              All functions
            </Link>
          }
        >
          It may have been deleted, or the address has a typing error.
        </EmptyState>
      </>
    );
  }
  // What the header says decides how many lines it has: what is below it comes with that, or it would move.
  if (fn === undefined || aliases.isPending) {
    return (
      <>
        <PageHeader title={name} heading={<Heading name={name} />} />
        <Skeleton lines={8} />
      </>
    );
  }
  const state = stateOf(fn);
  return (
    <>
      <PageHeader
        title={name}
        note={fn.description === '' ? undefined : fn.description}
        heading={<Heading name={name} />}
        actions={
          <>
            <Badge tone={state.tone}>
              <Dot tone={state.tone} />
              {state.label}
            </Badge>
            <RuntimeBadge runtime={fn.runtime} />
            <Badge>{fn.isolation}</Badge>
            <LiveBadge fn={fn} aliases={aliases.data?.items ?? []} />
          </>
        }
      />
      <nav aria-label="Function" className="mb-4 flex overflow-x-auto border-b border-line">
        {functionTabs.map((tab) => (
          <Link
            key={tab}
            to={paths.function(name, tab)}
            activeOptions={{ exact: true, includeSearch: false }}
            className={tabClasses}
          >
            {tabNames[tab]}
          </Link>
        ))}
      </nav>
      {!fn.enabled && <Disabled name={name} />}
      <Suspense fallback={<Skeleton lines={8} />}>
        <Outlet />
      </Suspense>
    </>
  );
}
