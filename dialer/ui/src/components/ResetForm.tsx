import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState, type ComponentProps, type RefObject, type SubmitEvent } from 'react';
import { useNavigate } from 'react-router';
import { logout, resetPassword } from '../api/auth';
import { fieldMessage } from '../api/error';
import { useSessionStore } from '../auth/context';
import { passwordProblem, repetitionProblem } from '../auth/newPassword';
import { Button } from './Button';
import styles from './Form.module.css';
import { FormError } from './FormError';
import { PasswordField } from './PasswordField';

interface ResetFormProps {
  token: string;
  /** The server does not take the link: it was used, is too old, or a newer one took its place. */
  onLinkRefused: (error: Error) => void;
}

/**
 * A new password, twice. There is no field with the user name for password managers, as elsewhere: whose link it is
 * only the server knows.
 */
export function ResetForm({ token, onLinkRefused }: ResetFormProps) {
  const passwordRef = useRef<HTMLInputElement>(null);
  const againRef = useRef<HTMLInputElement>(null);
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [submitted, setSubmitted] = useState(false);
  const reset = useReset(passwordRef, onLinkRefused);

  useEffect(() => {
    passwordRef.current?.focus();
  }, []);

  const problem = passwordProblem(password);
  const againProblem = repetitionProblem(password, again);
  const refusal = fieldMessage(reset.error, 'password');
  // It is about the password that was sent, and goes as soon as another is typed.
  const refusalOfThis = reset.variables?.password === password ? refusal : undefined;

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (reset.isPending) {
      return;
    }
    setSubmitted(true);
    if (problem !== undefined) {
      passwordRef.current?.focus();
    } else if (againProblem !== undefined) {
      againRef.current?.focus();
    } else {
      reset.mutate({ token, password });
    }
  };

  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      {reset.error !== null && refusal === undefined && <FormError error={reset.error} />}
      <NewPasswordField
        ref={passwordRef}
        label="New password"
        name="new-password"
        value={password}
        error={submitted ? (problem ?? refusalOfThis) : undefined}
        change={setPassword}
      />
      <NewPasswordField
        ref={againRef}
        label="New password, again"
        name="new-password-again"
        value={again}
        error={submitted && problem === undefined ? againProblem : undefined}
        change={setAgain}
      />
      <Button type="submit" busy={reset.isPending}>
        {reset.isPending ? 'Changing the password…' : 'Change the password'}
      </Button>
    </form>
  );
}

type NewPasswordFieldProps = Pick<
  ComponentProps<typeof PasswordField>,
  'ref' | 'label' | 'name' | 'error'
> & {
  value: string;
  change: (value: string) => void;
};

/** Without `maxLength`, which would cut a pasted password and say nothing. */
function NewPasswordField({ change, ...field }: NewPasswordFieldProps) {
  return (
    <PasswordField
      {...field}
      autoComplete="new-password"
      required
      onChange={(event) => {
        change(event.target.value);
      }}
    />
  );
}

function useReset(passwordRef: RefObject<HTMLInputElement | null>, onLinkRefused: (error: Error) => void) {
  const session = useSessionStore();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: resetPassword,
    // Neither the token nor the password stays in the cache.
    gcTime: 0,
    onSuccess: () => {
      const before = session.getSnapshot();
      if (before.status === 'signedIn') {
        // Over at the server already, unless it was somebody else's; that one must not live on unseen.
        logout(before.token).catch(() => undefined);
      }
      session.drop('passwordChanged');
      // In place of this page: the link is used up.
      void navigate('/login', { replace: true });
    },
    onError: (error) => {
      if (fieldMessage(error, 'token') !== undefined) {
        onLinkRefused(error);
      } else if (fieldMessage(error, 'password') !== undefined) {
        passwordRef.current?.focus();
        passwordRef.current?.select();
      }
    },
  });
}
