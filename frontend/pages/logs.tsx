import { LogPanel } from '../components/log-panel.tsx';
import { PageHeader } from '../components/page-header.tsx';

export function LogsPage() {
  return (
    <>
      <PageHeader title="Logs" note="What all functions write, as they write it." />
      <LogPanel />
    </>
  );
}
