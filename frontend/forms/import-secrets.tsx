import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useApi } from '../api/context.tsx';
import { secretsApi } from '../api/secrets.ts';
import { Callout } from '../ui/callout.tsx';
import { toast } from '../ui/toast.tsx';
import { counted } from '../util/format.ts';
import { EnvImportDialog } from './env-import-dialog.tsx';
import { secretProblem } from './secret-problem.ts';

type Values = Readonly<Record<string, string>>;

interface ImportSecretsProps {
  /** Names of the project's secrets, as far as they are known. */
  readonly known: ReadonlySet<string>;
  readonly onClose: () => void;
}

/** Sets every value of a pasted .env file as a secret: all of them, or none. */
export function ImportSecrets({ known, onClose }: ImportSecretsProps) {
  const api = useApi();
  const queryClient = useQueryClient();
  const save = useMutation({
    mutationFn: (values: Values) => secretsApi.putAll(api, values),
    // Values are kept nowhere, not among finished mutations either.
    gcTime: 0,
    onSuccess: ({ items: { length } }) => {
      toast.done(`${counted(length, 'secret')} ${length === 1 ? 'is' : 'are'} set`, 'List their names in functions');
      onClose();
    },
    onSettled: async () => await queryClient.invalidateQueries({ queryKey: ['secrets'] }),
  });
  return (
    <EnvImportDialog
      title="Secrets from a .env file"
      noun="secret"
      known={known}
      check={secretProblem}
      isBusy={save.isPending}
      error={save.error}
      onImport={(values) => save.mutate(values)}
      onClose={onClose}
    >
      <Callout tone="info" title="Values can be replaced later, but never read again.">
        Keep the file where it is, or in a password manager.
      </Callout>
    </EnvImportDialog>
  );
}
