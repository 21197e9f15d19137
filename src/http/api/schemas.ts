import { z } from 'zod';
import { STAGES } from '../../model/fleet/boot.ts';

/** The documents of the API: what is checked when it is sent in tests, and what its OpenAPI description says. */

const time = z.int().describe('Milliseconds since 1970.');
const stage = z.enum(STAGES).describe('A stage of a boot, in the order of this list.');

export const diagnosis = z
  .object({ rule: z.string(), message: z.string(), remedy: z.string() })
  .describe('The likely reason why a boot does not go on, and what to do: docs/diagnosis.md lists the rules.');

export const boot = z.object({
  id: z.string().describe('16 hex digits.'),
  mac: z.string(),
  node: z.string().optional().describe("The node's name; absent for a machine that no node names."),
  image: z.string().optional(),
  version: z.string().optional().describe("The SHA-256 of the image's root."),
  began: time,
  last: time.describe('Of the last step, milliseconds since 1970.'),
  stage,
  outcome: z.enum(['under-way', 'up', 'failed', 'unfinished']),
  restarts: z.int().optional().describe('Boots that began one soon after the other before this one.'),
  before: z.string().optional().describe('What was stuck in the last of these.'),
});

export const step = z.object({
  at: time,
  stage,
  happening: z.enum(['begun', 'progress', 'done', 'failed', 'ignored']),
  message: z.string(),
  reason: z.string().optional(),
  bytes: z.number().optional(),
  length: z.number().optional(),
  seconds: z.number().optional(),
  uptime: z.number().optional().describe('Seconds since the kernel started.'),
  log: z.string().optional().describe("The last lines of a failed initrd's log."),
  step: z.string().optional().describe('Of a pipeline of containers: the name of its step; absent for the whole.'),
  status: z.number().optional().describe('Its exit status.'),
});

export const machineStatus = boot.extend({
  message: z.string().describe('Of the last step.'),
  bytes: z.number().optional(),
  length: z.number().optional(),
  rate: z.number().optional().describe('Bytes a second of the download that is under way.'),
  diagnosis: diagnosis.optional(),
});

export const explainedBoot = boot.extend({ steps: z.array(step), diagnosis: diagnosis.optional() });

export const order = z.object({
  machine: z.string().describe("The node's name; of a machine without one, its MAC address."),
  image: z.string().describe("An image's name, or local."),
  repeat: z.enum(['once', 'hold']),
  at: time,
  by: z.string().describe('The name of the token by which it was given.'),
  boot: z.string().optional().describe('The last boot that got it.'),
  containers: z.record(z.string(), z.unknown()).optional().describe('What is to run there.'),
});

export const output = z.object({
  number: z.int().describe('Rises in the order in which output came.'),
  boot: z.string(),
  step: z.string(),
  start: z.int().describe('The place of its first byte in the output of the step.'),
  data: z.string().describe('Its bytes, in base64.'),
});

export const nextStatus = z.object({
  mac: z.string(),
  node: z.string().optional(),
  running: z.object({ image: z.string().optional(), version: z.string().optional() }),
  next: z
    .object({ image: z.string(), version: z.string().optional() })
    .optional()
    .describe('Absent where it would boot no image of this server.'),
  differs: z.boolean(),
});

export const rollout = z.object({
  image: z.string(),
  version: z.string().describe('The newest version, 16 hex digits.'),
  before: z.string().optional().describe('The version that came up before.'),
  phase: z.enum(['canary', 'part', 'all', 'stopped']).describe('The machines that get the newest version.'),
  why: z.string().optional().describe('The reason, of one that is stopped.'),
});

export const stranger = z.object({
  mac: z.string(),
  last: time,
  facts: z.record(z.string(), z.string()).describe('What it has told of itself: docs/machines.md has the names.'),
});

export const configuredNode = z.object({
  name: z.string(),
  macs: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  profiles: z.array(z.string()),
  action: z.enum(['boot', 'local', 'menu', 'ignore']),
  image: z.string().optional(),
});

const digest = z.string().optional().describe('SHA-256, 64 hex digits; absent for a file of another server.');

/** Without a union, whose members clients would have to tell apart. */
export const configuredImage = z.object({
  name: z.string(),
  nodes: z.int().describe('Nodes whose settings name it.'),
  why: z.string().optional().describe('Why machines cannot boot it; the rest is absent then.'),
  method: z.string().optional().describe('How its initrd makes the root: docs/roots.md.'),
  version: digest.describe('The SHA-256 of its root, by which boots name their version.'),
  build: z.string().optional().describe('The id of its build, of an image that was built here.'),
  files: z
    .array(
      z.object({
        role: z.enum(['kernel', 'initrd', 'root']),
        name: z.string(),
        sha256: digest,
        bytes: z.int().optional(),
      }),
    )
    .optional(),
});

export const shownScript = z.object({
  mac: z.string(),
  kind: z.enum(['script', 'menu', 'ignored', 'unavailable']),
  text: z.string().optional(),
  why: z.string().optional().describe('Why there is no text.'),
});

export const explanation = z
  .record(z.string(), z.unknown())
  .describe('Which node and rule fit and why no other, and each setting with the place that it is from.');

export const adoption = z.object({ diff: z.string().describe('The change of the file, as diff -u has it.') });

export const change = z.object({ number: z.int(), boot, step });

export const problem = z.object({ error: z.string() });
