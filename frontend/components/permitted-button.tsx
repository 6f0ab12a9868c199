import type { Operation } from '../../shared/operation-access.ts';
import { usePermission } from '../api/permission.ts';
import { Button, type ButtonProps } from '../ui/button.tsx';

export interface PermittedButtonProps extends ButtonProps {
  readonly operation: Operation;
  /** In which project; that which is shown when left out. */
  readonly project?: string;
}

/** A button that asks for `operation`: whoever may not do it is told why in its tooltip, before any other reason. */
export function PermittedButton({ operation, project, ...rest }: PermittedButtonProps) {
  return <Button {...rest} disabledReason={usePermission(operation, project) ?? rest.disabledReason} />;
}
