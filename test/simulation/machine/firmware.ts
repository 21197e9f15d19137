import { askBootServer, type DhcpStyle, discover, FIRMWARE } from './dhcp-client.ts';
import type { Machine } from './machine.ts';
import { EDK2, EDK2_WINDOW, fetchByTftp, PLAIN, probeByTftp, ROM, type TftpStyle } from './tftp-client.ts';

/** How the firmware's part ends: with iPXE running, to be begun anew, or in silence. */
export type Loaded = 'ipxe' | 'again' | 'silent';

/** Fetches the boot file that the firmware was told, and starts it. */
async function loadByTftp(machine: Machine, told: string, style: TftpStyle): Promise<Loaded> {
  const name = machine.has('old-boot-file') ? 'pxelinux.0' : told;
  if (style !== ROM) await probeByTftp(machine, name);
  if ((await fetchByTftp(machine, name, style)) !== 'done') return 'again';
  return machine.has('secure-boot', 'no-nic-driver') ? 'silent' : 'ipxe';
}

/** The boot ROM of a PC: boots what the offer names. */
async function bios(machine: Machine): Promise<Loaded> {
  const offer = await discover(machine, FIRMWARE.bios);
  return offer ? loadByTftp(machine, offer.bootFile, ROM) : 'again';
}

/** UEFI PXE: asks the boot server, unless it is told to boot at once. */
async function uefi(machine: Machine, style: DhcpStyle): Promise<Loaded> {
  const offer = await discover(machine, style);
  if (!offer) return 'again';
  const transfer = machine.around.random.chance(0.3) ? EDK2_WINDOW : EDK2;
  if (machine.has('other-boot-server')) {
    // It waits for the other server's port 4011.
    await machine.sleep(25, 40);
    return 'again';
  }
  if (offer.atOnce) return loadByTftp(machine, offer.bootFile, transfer);
  // Its request to port 4011 never leaves.
  if (machine.kind === 'uefi-bypass') await machine.sleep(20, 30);
  const told = machine.kind === 'uefi-bypass' ? undefined : await askBootServer(machine, style);
  return told === undefined ? 'again' : loadByTftp(machine, told, transfer);
}

/** UEFI HTTP boot. */
async function uefiHttp(machine: Machine): Promise<Loaded> {
  const offer = await discover(machine, FIRMWARE.http);
  if (!offer) return 'again';
  if (machine.has('no-plain-http')) return 'silent';
  const fetched = await machine.around.server.download(offer.bootFile, machine.address, 0.5);
  machine.note(`HTTP boot: ${offer.bootFile}: ${fetched}`);
  if (fetched !== 'whole') return 'again';
  return machine.has('secure-boot') ? 'silent' : 'ipxe';
}

/** The boot ROM of a Raspberry Pi: loads its own files, of which the last is a UEFI, which then boots by PXE. */
async function raspberryPi(machine: Machine): Promise<Loaded> {
  if (!(await discover(machine, FIRMWARE.pi))) return 'again';
  // It looks in a folder of its serial number first.
  await fetchByTftp(machine, `${machine.mac.slice(9).replaceAll(':', '')}/start4.elf`, PLAIN);
  for (const file of ['config.txt', 'start4.elf', 'RPI_EFI.fd']) {
    if ((await fetchByTftp(machine, file, PLAIN)) !== 'done') return 'again';
  }
  await machine.sleep(3, 6);
  return uefi(machine, FIRMWARE.arm64);
}

/** Runs the firmware until iPXE runs. */
export function loadIpxe(machine: Machine): Promise<Loaded> {
  switch (machine.kind) {
    case 'bios':
      return bios(machine);
    case 'uefi':
    case 'uefi-bypass':
      return uefi(machine, FIRMWARE.x64);
    case 'arm64':
      return uefi(machine, FIRMWARE.arm64);
    case 'uefi-http':
      return uefiHttp(machine);
    case 'raspberry-pi':
      return raspberryPi(machine);
    case 'ipxe-rom':
      return Promise.resolve('ipxe');
  }
}
