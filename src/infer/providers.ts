/** Execution providers: which hardware runs the graph. Names only, so that a CLI can list them without loading any. */
import { UserError } from '../errors.js';

export const PROVIDER_CHOICES = ['auto', 'cpu', 'cuda', 'tensorrt', 'webgpu'] as const;
export type ProviderChoice = (typeof PROVIDER_CHOICES)[number];
/** A provider that runs something; `auto` chooses one. */
export type Provider = Exclude<ProviderChoice, 'auto'>;

/** @throws UserError listing the choices */
export function parseProvider(text: string): ProviderChoice {
  const choice = PROVIDER_CHOICES.find((known) => known === text);
  if (!choice)
    throw new UserError(`provider '${text}' is unknown; use one of ${PROVIDER_CHOICES.join(', ')}`);
  return choice;
}
