import { type ReactNode, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field, Input } from '../ui/field.tsx';

export interface ConfirmDialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly children: ReactNode;
  readonly action: string;
  readonly isDangerous?: boolean;
  readonly isBusy?: boolean;
  /** Must be typed before the action can be used. */
  readonly typed?: string;
  readonly onConfirm: () => void;
}

/** Asks once before something that others will notice. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const [text, setText] = useState('');
  const isReady = props.typed === undefined || text === props.typed;
  const close = () => {
    setText('');
    props.onClose();
  };
  return (
    <Dialog
      isOpen={props.isOpen}
      onClose={close}
      title={props.title}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button
            tone={props.isDangerous === true ? 'danger' : 'primary'}
            isBusy={props.isBusy === true}
            disabledReason={isReady ? undefined : `Type ${props.typed} first`}
            onClick={props.onConfirm}
          >
            {props.action}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3 text-sm">
        <div>{props.children}</div>
        {props.typed !== undefined && (
          <Field label={`Type ${props.typed} to confirm`}>
            {(control) => <Input {...control} value={text} onChange={(event) => setText(event.target.value)} />}
          </Field>
        )}
      </div>
    </Dialog>
  );
}
