import { testSeeds } from './seeds.ts';

// Two files, so that two processors share the work.
testSeeds(51, 100);
