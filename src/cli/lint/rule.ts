import type { Position } from '../../template/compile/template-error.ts';
import type { ParsedTemplate } from '../../template/examine.ts';
import type { SiteEnvironment } from '../site-environment.ts';

/** Something in a template that is to be mended. */
export interface Finding {
  /** Name of the rule; the code of the error where the sweeper would report one. */
  readonly rule: string;
  readonly at: Position;
  /** What is wrong, and what to do. */
  readonly message: string;
}

/** Looks for one kind of fault in a template that can be compiled, or has other faults. */
export type Rule = (template: ParsedTemplate, site: SiteEnvironment) => Iterable<Finding>;
