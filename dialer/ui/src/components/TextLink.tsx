import { Link, type LinkProps } from 'react-router';
import styles from './TextLink.module.css';

/** A way to another page of this application, as words. */
export function TextLink(props: Omit<LinkProps, 'className'>) {
  return <Link {...props} className={styles.link} />;
}
