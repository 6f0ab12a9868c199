import { LockKeyhole } from 'lucide-react';
import { EmptyState } from '../ui/empty-state.tsx';
import { PageHeader } from './page-header.tsx';

/** In place of a page that the person may not read: why, and who can change that. */
export function NotPermitted({ title, reason }: { readonly title: string; readonly reason: string }) {
  return (
    <>
      <PageHeader title={title} />
      <EmptyState icon={<LockKeyhole />} title="Not for your role">
        This page {reason}. An owner of the project can give you another role.
      </EmptyState>
    </>
  );
}
