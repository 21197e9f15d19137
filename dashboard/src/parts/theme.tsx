import { useState } from 'preact/hooks';

const KEY = 'slipway-theme';
const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

const chosen = (): Theme => THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? 'system';

/** Draws the page in the theme that was chosen on this machine. */
export function applyTheme(theme = chosen()): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Goes from the system's theme to the light one, to the dark one, and back. */
export function ThemeButton() {
  const [theme, setTheme] = useState(chosen());
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  return (
    <button
      type="button"
      class="plain theme"
      title={`Theme: ${theme}`}
      onClick={() => {
        localStorage.setItem(KEY, next);
        applyTheme(next);
        setTheme(next);
      }}
    >
      <span class={`sun ${theme}`} aria-hidden="true" />
      <span class="unseen">
        Theme: {theme}. Change to {next}
      </span>
    </button>
  );
}
