import { InvocationView } from '../components/invocation-panel.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { Card } from '../ui/card.tsx';
import { useIdParam } from '../util/hooks.ts';

export function InvocationPage() {
  const id = useIdParam();
  return (
    <>
      <PageHeader title="Invocation" />
      <Card className="max-w-4xl">
        <InvocationView id={id} />
      </Card>
    </>
  );
}
