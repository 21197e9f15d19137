import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { FleetPage } from './fleet/fleet-page.tsx';
import { useHasToken, useLive } from './live/hooks.ts';
import { setToken, token } from './live/token.ts';
import { isStranger } from './model/fleet-state.ts';
import { type Route, readRoute } from './model/routes.ts';
import { NodePage } from './node/node-page.tsx';
import { ImagesPage } from './pages/images-page.tsx';
import { UnknownPage } from './pages/unknown-page.tsx';
import { Badge } from './parts/basics.tsx';
import { ThemeButton } from './parts/theme.tsx';
import { TokenDialog, TokenForm } from './parts/token-dialog.tsx';

const PAGES = [
  ['fleet', '#/', 'Fleet'],
  ['unknown', '#/unknown', 'Unknown'],
  ['images', '#/images', 'Images'],
] as const;

const titleOf = (route: Route): string =>
  route.page === 'node' ? route.name : (PAGES.find(([page]) => page === route.page)?.[2] ?? '');

function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const look = () => setHash(location.hash);
    window.addEventListener('hashchange', look);
    return () => window.removeEventListener('hashchange', look);
  }, []);
  return readRoute(hash);
}

/** The whole page. */
export function App() {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const place = route.page === 'node' ? `node ${route.name}` : route.page;
  const before = useRef(place);
  useEffect(() => {
    document.title = `${titleOf(route)} – Slipway`;
    if (before.current === place) return;
    before.current = place;
    window.scrollTo(0, 0);
    // Another page: those who hear it are told so.
    main.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
  });
  return (
    <>
      <Header route={route} onSkip={() => main.current?.focus()} />
      <main ref={main} tabIndex={-1}>
        <Gate>
          {route.page === 'fleet' && <FleetPage query={route.query} phases={route.phases} />}
          {route.page === 'node' && <NodePage key={route.name} name={route.name} wanted={route.boot} />}
          {route.page === 'unknown' && <UnknownPage />}
          {route.page === 'images' && <ImagesPage />}
        </Gate>
      </main>
      <TokenDialog />
    </>
  );
}

function Header({ route, onSkip }: { readonly route: Route; readonly onSkip: () => void }) {
  const { fleet } = useLive();
  const strangers = fleet.all().filter(isStranger).length;
  return (
    <header class="top">
      <a
        class="skip"
        href={location.hash}
        onClick={(event) => {
          event.preventDefault();
          onSkip();
        }}
      >
        Skip to the content
      </a>
      <a class="brand" href="#/">
        Slipway
      </a>
      <nav aria-label="Pages">
        {PAGES.map(([page, href, text]) => (
          <a
            key={page}
            href={href}
            aria-current={route.page === page || (page === 'fleet' && route.page === 'node') ? 'page' : undefined}
          >
            {text}
            {page === 'unknown' && strangers > 0 && <b class="number-mark">{strangers}</b>}
          </a>
        ))}
      </nav>
      <Connected />
      <ThemeButton />
      <ForgetToken />
    </header>
  );
}

function Connected() {
  const { connection, trouble } = useLive();
  const texts = { loading: 'Connecting', live: 'Live', away: 'Away', locked: 'Locked' } as const;
  const phases = { loading: 'quiet', live: 'up', away: 'failed', locked: 'stuck' } as const;
  return (
    <p class="connected" role="status" title={connection === 'away' ? trouble : undefined}>
      <Badge phase={phases[connection]}>{texts[connection]}</Badge>
    </p>
  );
}

function ForgetToken() {
  return useHasToken() ? (
    <button type="button" class="plain" onClick={() => setToken(undefined)}>
      Forget token
    </button>
  ) : null;
}

/** Where reading needs a token, asks for it first. */
function Gate({ children }: { readonly children: ComponentChildren }) {
  const { connection, trouble } = useLive();
  if (connection === 'locked') {
    return (
      <div class="card gate">
        <h1 tabIndex={-1}>A token is needed</h1>
        <TokenForm
          why={token() === undefined ? 'Reading needs a token here.' : `The server refused: ${trouble}.`}
          onToken={setToken}
        />
      </div>
    );
  }
  return (
    <>
      {connection === 'away' && (
        <p class="trouble" role="alert">
          The server is away ({trouble}). This is what was known last; it goes on by itself.
        </p>
      )}
      {children}
    </>
  );
}
