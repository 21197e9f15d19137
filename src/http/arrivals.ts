import type koffi from 'koffi';
import type { WatchArrivals } from '../model/descriptor.ts';

const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
/** A struct epoll_event in words of 32 bits, and which of them has the descriptor: it is packed on x86-64 alone. */
const [WORDS, DESCRIPTOR] = process.arch === 'x64' ? [3, 1] : [4, 2];
/** Sockets told of in one call, so that all else is not kept waiting for long. */
const MOST = 32;

/** The system's way to tell which of many sockets have something to be received. */
export function arrivalsOf(libc: ReturnType<typeof koffi.load>): WatchArrivals {
  const create = libc.func('int epoll_create1(int flags)');
  const control = libc.func('int epoll_ctl(int epoll, int operation, int socket, void *event)');
  const wait = libc.func('int epoll_wait(int epoll, void *events, int most, int milliseconds)');
  const close = libc.func('int close(int epoll)');
  return () => {
    let epoll: number = create(EPOLL_CLOEXEC);
    const events = new Uint32Array(WORDS * MOST);
    return {
      watch(socket) {
        const event = new Uint32Array(WORDS);
        event[0] = EPOLLIN;
        event[DESCRIPTOR] = socket;
        control(epoll, EPOLL_CTL_ADD, socket, event);
      },
      now() {
        const count: number = wait(epoll, events, MOST, 0);
        const sockets: number[] = [];
        for (let i = 0; i < count; i++) sockets.push(events[WORDS * i + DESCRIPTOR] ?? -1);
        return sockets;
      },
      close() {
        close(epoll);
        // Its number may be another file's soon.
        epoll = -1;
      },
    };
  };
}
