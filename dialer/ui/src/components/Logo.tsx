import styles from './Logo.module.css';

/** The crocodile's head with the name beside it. */
export function Logo({ size = 'medium' }: { size?: 'medium' | 'large' }) {
  return (
    <span className={`${styles['logo']} ${styles[size]}`}>
      <Mark />
      <span>Crokodial</span>
    </span>
  );
}

function Mark() {
  return (
    <svg className={styles['mark']} viewBox="0 0 48 48" aria-hidden="true">
      <rect width="48" height="48" rx="12" className={styles['plate']} />
      <path
        className={styles['skin']}
        d="M7 25.5v-4.2c0-4 2.4-6.6 5.9-7.1.7-3.2 3-5 5.8-5 3.2 0 5.5 2.1 6 5.2l11.8 3.1c3 .8 4.5 2.9 4.5 6v2z"
      />
      <path className={styles['tooth']} d="M16.5 25.5h4l-2 4.3zM23 25.5h4l-2 4.3zM29.5 25.5h4l-2 4.3zM36 25.5h4l-2 4.3z" />
      <path className={styles['skin']} d="M7 28.5h7.5l2 4h22.8c-.4 3.7-3 5.9-6.9 5.9H16c-5.4 0-9-3.4-9-8.5z" />
      <path className={styles['tooth']} d="M20 32.5h3.6l-1.8-3.6zM26.5 32.5h3.6l-1.8-3.6zM33 32.5h3.6l-1.8-3.6z" />
      <circle className={styles['eye']} cx="18.7" cy="14.3" r="2" />
    </svg>
  );
}
