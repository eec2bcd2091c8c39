import type { User } from '../api/schemas';
import { StatusPanel } from '../components/StatusPanel';
import styles from './HomePage.module.css';

export function HomePage({ user }: { user: User }) {
  const firstName = user.name.trim().split(/\s+/)[0];
  return (
    <div className={styles.page}>
      <title>Home · Crokodial</title>
      <div>
        <h1 className={styles.heading}>{firstName ? `Welcome, ${firstName}` : 'Welcome'}</h1>
        <p className={styles.lead}>You are signed in.</p>
      </div>
      <StatusPanel />
      <section className={styles.card} aria-labelledby="account-heading">
        <h2 id="account-heading">Your account</h2>
        <dl className={styles.details}>
          <dt>Name</dt>
          <dd>{user.name.trim() || 'Not set'}</dd>
          <dt>E-mail</dt>
          <dd>{user.email}</dd>
          <dt>Role</dt>
          <dd>{roleName(user.role)}</dd>
        </dl>
      </section>
    </div>
  );
}

/** The role as a person would say it; one this page does not know is shown as it is. */
function roleName(role: string): string {
  switch (role) {
    case 'admin':
      return 'Administrator';
    case 'user':
      return 'Sales representative';
    default:
      return role;
  }
}
