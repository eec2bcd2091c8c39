import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState, type SubmitEvent } from 'react';
import { login } from '../api/auth';
import { ApiError } from '../api/error';
import { useSession, useSessionStore } from '../auth/context';
import type { SignedOutReason } from '../auth/session';
import { Button } from './Button';
import styles from './Form.module.css';
import { FormError } from './FormError';
import { Notice } from './Notice';
import { PasswordField } from './PasswordField';
import { TextField } from './TextField';

const CLOCK_MESSAGE =
  'The sign-in worked, but by the clock of this device it is already over. Correct the date and time of the device, then sign in again.';

export function LoginForm() {
  const session = useSessionStore();
  const emailRef = useRef<HTMLInputElement>(null);
  const passwordRef = useRef<HTMLInputElement>(null);
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [submitted, setSubmitted] = useState(false);

  useEffect(() => {
    emailRef.current?.focus();
  }, []);

  const signIn = useMutation({
    mutationFn: login,
    gcTime: 0,
    onSuccess: ({ token }) => {
      // The guard around the page leaves it as soon as there is a session.
      if (!session.signIn(token)) {
        throw new ApiError('refused', CLOCK_MESSAGE);
      }
    },
    onError: (error) => {
      if (error instanceof ApiError && error.kind === 'unauthorized') {
        passwordRef.current?.focus();
        passwordRef.current?.select();
      }
    },
  });

  const emailError = submitted && email.trim() === '' ? 'Enter your e-mail address.' : undefined;
  const passwordError = submitted && password === '' ? 'Enter your password.' : undefined;

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (signIn.isPending) {
      return;
    }
    setSubmitted(true);
    if (email.trim() === '') {
      emailRef.current?.focus();
    } else if (password === '') {
      passwordRef.current?.focus();
    } else {
      signIn.mutate({ email: email.trim(), password });
    }
  };

  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      {signIn.error !== null ? <FormError error={signIn.error} /> : signIn.isIdle && <SignedOutNotice />}
      <TextField
        ref={emailRef}
        label="E-mail"
        type="email"
        name="email"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        value={email}
        error={emailError}
        onChange={(event) => {
          setEmail(event.target.value);
        }}
      />
      <PasswordField
        ref={passwordRef}
        label="Password"
        name="password"
        autoComplete="current-password"
        required
        value={password}
        error={passwordError}
        onChange={(event) => {
          setPassword(event.target.value);
        }}
      />
      <Button type="submit" busy={signIn.isPending}>
        {signIn.isPending ? 'Signing in…' : 'Sign in'}
      </Button>
    </form>
  );
}

const NOTICES: Record<Exclude<SignedOutReason, 'none'>, { tone: 'info' | 'warning'; text: string }> = {
  expired: { tone: 'warning', text: 'Your session has expired. Sign in again to continue.' },
  rejected: { tone: 'warning', text: 'Your session is no longer valid. Sign in again to continue.' },
  signedOut: { tone: 'info', text: 'You have signed out.' },
  passwordChanged: { tone: 'info', text: 'Your password is changed. Sign in with it.' },
};

/** Why the user finds himself here. */
function SignedOutNotice() {
  const session = useSession();
  if (session.status === 'signedIn' || session.reason === 'none') {
    return null;
  }
  const { tone, text } = NOTICES[session.reason];
  return (
    <Notice tone={tone}>
      <p>{text}</p>
    </Notice>
  );
}
