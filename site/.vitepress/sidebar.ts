/** A page of the documentation, by its name in `docs` without `.md`. */
type Page = readonly [text: string, name: string];

/** The pages in the order in which they are read, in groups. Each page of `docs` is in one of them. */
export const SIDEBAR: readonly { readonly text: string; readonly pages: readonly Page[] }[] = [
  {
    text: 'Begin',
    pages: [
      ['Your first machine', 'start'],
      ['Install it', 'install'],
      ['Run it as a service', 'operation'],
      ['Firmware', 'firmware'],
    ],
  },
  {
    text: 'What machines boot',
    pages: [
      ['Images', 'images'],
      ['Roots in memory', 'roots'],
      ['Containers', 'containers'],
      ['Volumes', 'volumes'],
    ],
  },
  {
    text: 'Machines',
    pages: [
      ['Which machine is which', 'machines'],
      ['Their configuration', 'configuration-of-machines'],
      ['Script templates', 'templates'],
      ['What they do, and why one is stuck', 'diagnosis'],
      ['Dashboard', 'dashboard'],
      ['Monitoring', 'monitoring'],
    ],
  },
  {
    text: 'Coming from',
    pages: [
      ['dnsmasq and nginx', 'from/dnsmasq-nginx'],
      ['Warewulf', 'from/warewulf'],
      ['matchbox', 'from/matchbox'],
      ['bootc-live', 'from/bootc-live'],
      ['dracut-container-root', 'from/dracut-container-root'],
      ['container2boot', 'from/container2boot'],
    ],
  },
  {
    text: 'Inside',
    pages: [
      ['Performance', 'performance'],
      ['Boot matrix', 'boot-matrix'],
      ['Architecture', 'architecture'],
      ['Working on Slipway', 'contributing'],
    ],
  },
];
