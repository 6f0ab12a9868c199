import { Component, type ReactNode } from 'react';
import { processServerError } from '../api/server-error.ts';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';

interface State {
  readonly error: unknown;
}

/** Keeps a defect in one page from taking the rest with it. Another `resetKey` tries again. */
export class ErrorBoundary extends Component<{ readonly resetKey: string; readonly children: ReactNode }, State> {
  override state: State = { error: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override componentDidUpdate(before: { readonly resetKey: string }): void {
    if (before.resetKey !== this.props.resetKey && this.state.error !== undefined) this.setState({ error: undefined });
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return (
      <ErrorCallout
        error={processServerError(this.state.error)}
        actions={
          <Button size="small" onClick={() => location.reload()}>
            Reload
          </Button>
        }
      />
    );
  }
}
