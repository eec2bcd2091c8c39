import styles from './ServiceLine.module.css';
import { useHealth } from './useHealth';

/** One line below the login form: whether it is the service or the password that is at fault. */
export function ServiceLine() {
  const { data, error } = useHealth();
  const [tone, text] =
    error !== null
      ? (['down', 'Crokodial cannot be reached. Trying again…'] as const)
      : data === undefined
        ? (['unknown', 'Checking the service…'] as const)
        : data.healthy
          ? (['up', 'All systems operational'] as const)
          : (['degraded', 'Crokodial is having a problem; signing in may fail'] as const);
  return (
    <p className={styles.line} role="status" data-testid="service-line" data-state={tone}>
      <span className={`${styles.dot} ${styles[tone]}`} aria-hidden="true" />
      {text}
      {tone === 'up' && data?.version !== undefined && (
        <span className={styles.version}>Version {data.version}</span>
      )}
    </p>
  );
}
