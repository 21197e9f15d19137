// With the system's own fonts: none are to be fetched.
import theme from 'vitepress/theme-without-fonts';
import './style.css';

export default theme;
