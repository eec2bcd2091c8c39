import { Link } from 'react-router';
import { Logo } from '../components/Logo';
import styles from './NotFoundPage.module.css';

export function NotFoundPage() {
  return (
    <main className={styles.page}>
      <title>Page not found · Crokodial</title>
      <Logo size="large" />
      <h1 className={styles.heading}>There is no such page</h1>
      <p>The address may be mistyped, or the page has moved.</p>
      <Link to="/" className={styles.link}>
        Go to the start
      </Link>
    </main>
  );
}
