import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useSession } from '../auth/context';
import { resetToken, useSecretFragment } from '../auth/resetLink';
import { FormError } from '../components/FormError';
import { FrontPage } from '../components/FrontPage';
import { Notice } from '../components/Notice';
import { ResetForm } from '../components/ResetForm';
import { TextLink } from '../components/TextLink';

/** Where the links lead that administrators make for those who cannot sign in. */
export function ResetPasswordPage() {
  const token = resetToken(useSecretFragment());
  const [refused, setRefused] = useState<{ token: string; error: Error } | null>(null);
  if (token === null) {
    return <IncompleteLink />;
  }
  if (refused?.token === token) {
    return <RefusedLink error={refused.error} />;
  }
  return (
    <FrontPage
      heading="Choose a new password"
      hint="You are then signed out everywhere, and sign in with it."
    >
      <ResetForm
        key={token}
        token={token}
        onLinkRefused={(error) => {
          setRefused({ token, error });
        }}
      />
    </FrontPage>
  );
}

/** Also what a reload shows: the link is not in the address any more. */
function IncompleteLink() {
  return (
    <DeadEnd hint="Its address holds no reset link, or only a part of one.">
      <Notice tone="warning">
        <p>Open the whole link that you were given once more.</p>
        <p>If you come back to this page, ask an administrator for a new link.</p>
      </Notice>
    </DeadEnd>
  );
}

function RefusedLink({ error }: { error: Error }) {
  return (
    <DeadEnd hint="A link serves once, within an hour, and only until a newer one is made.">
      <FormError error={error} />
      <p>If you have chosen a password with it already, sign in with that one.</p>
    </DeadEnd>
  );
}

function DeadEnd({ hint, children }: { hint: string; children: ReactNode }) {
  const session = useSession();
  const headingRef = useRef<HTMLHeadingElement>(null);
  // What had the focus, the form's button, is gone.
  useEffect(() => {
    headingRef.current?.focus();
  }, []);
  return (
    <FrontPage heading="This link does not work" hint={hint} headingRef={headingRef}>
      {children}
      <TextLink to="/">
        {session.status === 'signedIn' ? 'Go to the start' : 'Go to the sign-in page'}
      </TextLink>
    </FrontPage>
  );
}
