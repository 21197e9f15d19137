/** The processor of a machine that the configuration names. */
export const ARCHITECTURES = ['x86_64', 'arm64'] as const;

export type Architecture = (typeof ARCHITECTURES)[number];

/** What OCI images and builds call an architecture (OCI image specification, "platform"); undefined for others. */
export function architectureOfPlatform(platform: string): Architecture | undefined {
  return ({ amd64: 'x86_64', arm64: 'arm64' } as const)[platform];
}

/**
 * Whether a machine runs a kernel.
 * @param kernel an {@link Architecture}, or another as Linux names it; a 32-bit kernel runs on x86_64
 */
export function runsKernel(machine: Architecture, kernel: string): boolean {
  return kernel === machine || (kernel === 'i386' && machine === 'x86_64');
}
