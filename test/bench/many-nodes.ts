/** A configuration of many nodes that boot one image: HTTP alone, in one process. */
export function writeManyNodes(count: number, port: number): string {
  const nodes = Array.from({ length: count }, (_, i) => {
    const mac = `52:54:00:${i.toString(16).padStart(6, '0').match(/../g)?.join(':')}`;
    return `  n${i}: { mac: "${mac}", profile: compute, args: [rank=${i}] }\n`;
  });
  return `
server: { interface: eth0, http: { port: ${port}, workers: 1 }, tftp: false, dhcp: { mode: off } }
artifacts: ./artifacts
images:
  debian: { kernel: vmlinuz, initrd: initrd.img, root: { method: live, source: root.img }, args: [console=ttyS0] }
profiles: { compute: { image: debian, args: [quiet] } }
nodes:
${nodes.join('')}`;
}
