import type { ReactNode } from 'react';
import styles from './Notice.module.css';

interface NoticeProps {
  tone: 'error' | 'warning' | 'info';
  title?: string;
  children: ReactNode;
}

/** A message box. Errors are announced at once by a screen reader, the others when it is idle. */
export function Notice({ tone, title, children }: NoticeProps) {
  return (
    <div className={`${styles.notice} ${styles[tone]}`} role={tone === 'error' ? 'alert' : 'status'}>
      <svg className={styles.icon} viewBox="0 0 20 20" aria-hidden="true">
        <circle cx="10" cy="10" r="9" />
        <path d={tone === 'info' ? 'M10 9v5.5M10 5.6v.2' : 'M10 5.2v6M10 14.2v.2'} />
      </svg>
      <div className={styles.body}>
        {title !== undefined && <p className={styles.title}>{title}</p>}
        {children}
      </div>
    </div>
  );
}
