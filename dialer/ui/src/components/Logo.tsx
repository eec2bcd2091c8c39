import styles from './Logo.module.css';

/** The crocodile's head with the name beside it. */
export function Logo({ size = 'medium' }: { size?: 'medium' | 'large' }) {
  return (
    <span className={`${styles.logo} ${styles[size]}`}>
      <svg className={styles.mark} viewBox="0 0 48 48" aria-hidden="true">
        <rect width="48" height="48" rx="12" className={styles.plate} />
        <path
          className={styles.skin}
          d="M6 27v-5.5c0-4.6 2.6-7.4 6.4-7.8C13 10.3 15.4 8 18.4 8c3.3 0 5.8 2.3 6.3 5.6L38 17.2c2.9.8 4.5 2.7 4.5 5.6V27l-3-4.2-4 4.2-4-4.2-4 4.2-4-4.2-4 4.2z"
        />
        <path
          className={styles.skin}
          d="M6 30.5h13.5l4 4 4-4 4 4 4-4 4 4 2.6-2.6C41.6 37 38.6 40 34 40H15.5C9.9 40 6 36.3 6 30.5z"
        />
        <circle className={styles.eye} cx="18.4" cy="14" r="2.2" />
      </svg>
      <span>Crokodial</span>
    </span>
  );
}
