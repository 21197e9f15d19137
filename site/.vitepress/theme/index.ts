import './style.css';

// With the system's own fonts: none are to be fetched.
export { default } from 'vitepress/theme-without-fonts';
