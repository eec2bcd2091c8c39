import { Logo } from '../components/Logo';
import { TextLink } from '../components/TextLink';
import styles from './NotFoundPage.module.css';

export function NotFoundPage() {
  return (
    <main className={styles.page}>
      <title>Page not found · Crokodial</title>
      <Logo size="large" />
      <h1 className={styles.heading}>There is no such page</h1>
      <p>The address may be mistyped, or the page has moved.</p>
      <TextLink to="/">Go to the start</TextLink>
    </main>
  );
}
