import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useApi } from '../api/context.tsx';
import { secretsApi } from '../api/secrets.ts';
import { processServerError } from '../api/server-error.ts';
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

/** Sets every value of a pasted .env file as a secret, one after the other; those before one that is refused stay set. */
export function ImportSecrets({ known, onClose }: ImportSecretsProps) {
  const api = useApi();
  const queryClient = useQueryClient();
  const save = useMutation({
    mutationFn: async (values: Values) => {
      let done = 0;
      for (const [name, value] of Object.entries(values)) {
        try {
          await secretsApi.put(api, name, value);
        } catch (error) {
          const { message } = processServerError(error);
          throw new Error(`${name} was refused, ${done} before it are set: ${message}`);
        }
        done++;
      }
      return done;
    },
    // Values are kept nowhere, not among finished mutations either.
    gcTime: 0,
    onSuccess: (done) => {
      toast.done(`${counted(done, 'secret')} ${done === 1 ? 'is' : 'are'} set`, 'List their names in functions');
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
