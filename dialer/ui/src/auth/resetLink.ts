import { useEffect, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';

/** The token in the fragment of `/reset-password#token=…`, or `null` where there is none or only a part of one. */
export function resetToken(fragment: string): string | null {
  return /^#token=([0-9a-f]{64})$/.exec(fragment)?.[1] ?? null;
}

/**
 * What stands behind the `#` of the address. It is taken out of the address bar, so that nobody copies or reads it
 * there and no entry of the history leads back to it, and is kept in memory as long as the page is shown.
 */
export function useSecretFragment(): string {
  const { pathname, search, hash } = useLocation();
  const navigate = useNavigate();
  const [secret, setSecret] = useState(hash);
  // A second link opened in the same tab changes the fragment only: the browser does not load the page again.
  if (hash !== '' && hash !== secret) {
    setSecret(hash);
  }
  useEffect(() => {
    if (hash !== '') {
      void navigate({ pathname, search }, { replace: true });
    }
  }, [pathname, search, hash, navigate]);
  return secret;
}
