import { RefreshCw } from 'lucide-react';
import { Button } from '../ui/button.tsx';

/** Says that the platform has `version`, and this page another; offers to load it again. */
export function NewVersion({ version }: { readonly version: string }) {
  return (
    <div role="status" className="flex flex-wrap items-center gap-2 border-b border-line bg-raised px-4 py-2 text-sm">
      Hearth {version} is running; this page is of {__HEARTH_VERSION__}.
      <Button
        size="small"
        icon={<RefreshCw className="size-3.5" aria-hidden="true" />}
        onClick={() => location.reload()}
      >
        Reload
      </Button>
    </div>
  );
}
