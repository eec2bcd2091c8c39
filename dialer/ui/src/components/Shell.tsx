import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { fetchProfile, logout } from '../api/auth';
import { describeError } from '../api/error';
import type { User } from '../api/schemas';
import { useSessionStore } from '../auth/context';
import { Button } from './Button';
import { Logo } from './Logo';
import { Notice } from './Notice';
import { RequestReference } from './RequestReference';
import styles from './Shell.module.css';

const RETRY_AFTER_ERROR_MS = 10_000;

interface ShellProps {
  token: string;
  children: (user: User) => ReactNode;
}

/** What surrounds every page of a signed-in user. Its content appears once the server confirmed the user. */
export function Shell({ token, children }: ShellProps) {
  const session = useSessionStore();
  const profile = useQuery({
    queryKey: ['private', 'profile'],
    queryFn: ({ signal }) => fetchProfile(token, signal),
    meta: { token },
    staleTime: 60_000,
    // An outage ends by itself; a page that waits for it must notice.
    refetchInterval: (query) => (query.state.status === 'error' ? RETRY_AFTER_ERROR_MS : false),
  });
  const signOut = () => {
    // The session ends here at once; the server is told in the background, and forgets it by itself if it
    // cannot be reached.
    logout(token).catch(() => undefined);
    session.end('signedOut', token);
  };
  return (
    <>
      <a className={styles.skip} href="#content">
        Skip to the content
      </a>
      <header className={styles.header}>
        <div className={styles.bar}>
          <Logo />
          <div className={styles.account}>
            {profile.data !== undefined && <UserBadge user={profile.data} />}
            <Button variant="quiet" onClick={signOut}>
              Sign out
            </Button>
          </div>
        </div>
      </header>
      <main id="content" className={styles.main} tabIndex={-1}>
        {profile.data !== undefined ? (
          children(profile.data)
        ) : profile.error !== null ? (
          <ProfileError
            error={profile.error}
            busy={profile.isFetching}
            retry={() => void profile.refetch()}
          />
        ) : (
          <p className={styles.loading} role="status">
            Loading your account…
          </p>
        )}
      </main>
    </>
  );
}

function UserBadge({ user }: { user: User }) {
  const name = user.name.trim() || user.email;
  return (
    <div className={styles.user}>
      <span className={styles.avatar} aria-hidden="true">
        {initials(name)}
      </span>
      <span className={styles.who}>
        <span className={styles.name} data-testid="user-name">
          {name}
        </span>
        <span className={styles.email}>{user.email}</span>
      </span>
    </div>
  );
}

/** An error here is no reason to sign out: only a 401 is, and that has been dealt with. */
function ProfileError({ error, busy, retry }: { error: Error; busy: boolean; retry: () => void }) {
  return (
    <Notice tone="error" title="Your account could not be loaded">
      <p>{describeError(error)}</p>
      <RequestReference error={error} />
      <Button variant="secondary" busy={busy} onClick={retry}>
        Try again
      </Button>
    </Notice>
  );
}

function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  const first = Array.from(words[0] ?? '')[0] ?? '';
  const last = words.length > 1 ? (Array.from(words.at(-1) ?? '')[0] ?? '') : '';
  return (first + last).toUpperCase();
}
