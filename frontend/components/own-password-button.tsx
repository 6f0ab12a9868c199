import { useQuery } from '@tanstack/react-query';
import { KeyRound } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { useApi } from '../api/context.tsx';
import { whoamiQuery } from '../api/permission.ts';
import { IconButton } from '../ui/button.tsx';

const OwnPasswordDialog = lazy(() =>
  import('../forms/own-password.tsx').then((module) => ({ default: module.OwnPasswordDialog })),
);

/** For who signed in with a password; a token has none. */
export function OwnPasswordButton() {
  const { data } = useQuery(whoamiQuery(useApi()));
  const [isOpen, setIsOpen] = useState(false);
  if (data?.kind !== 'user') return null;
  return (
    <>
      <IconButton label={`Change the password of ${data.name}`} onClick={() => setIsOpen(true)}>
        <KeyRound className="size-4" aria-hidden="true" />
      </IconButton>
      {isOpen && (
        <Suspense fallback={null}>
          <OwnPasswordDialog user={data.name} onClose={() => setIsOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
