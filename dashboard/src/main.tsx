import { render } from 'preact';
import { App } from './app.tsx';
import { live } from './live/store.ts';
import { applyTheme } from './parts/theme.tsx';

applyTheme();
const place = document.getElementById('app');
if (place) render(<App />, place);
void live.start();
