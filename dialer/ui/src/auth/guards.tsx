import type { ReactNode } from 'react';
import { Navigate, useLocation } from 'react-router';
import { useSession } from './context';
import { returnPath } from './returnPath';

/** Renders its content with the token, or goes to the login page and remembers where the user was going. */
export function RequireSession({ children }: { children: (token: string) => ReactNode }) {
  const session = useSession();
  const location = useLocation();
  if (session.status === 'signedOut') {
    return <Navigate to="/login" replace state={{ from: location.pathname + location.search }} />;
  }
  return children(session.token);
}

/** The login page is for those without a session; others go where they came from. */
export function RequireNoSession({ children }: { children: ReactNode }) {
  const session = useSession();
  const location = useLocation();
  return session.status === 'signedIn' ? <Navigate to={returnPath(location.state)} replace /> : children;
}
