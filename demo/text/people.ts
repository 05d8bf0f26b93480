/** Somebody who writes here; those with a `bio` write articles, everybody comments. */
export interface PersonText {
  readonly name: string;
  readonly bio?: string;
}

export const people: readonly PersonText[] = [
  { name: 'Marta Lindqvist', bio: 'Cooks for a school of ninety and, at weekends, for nobody at all. Lives in Malmö.' },
  {
    name: 'Tomasz Wierzbicki',
    bio: 'Draws streets for a living and walks down them afterwards to see what went wrong.',
  },
  {
    name: 'Ifeoma Adeyemi',
    bio: 'Looks after a payroll system that has outlived four managers. Deploys daily, sleeps nightly.',
  },
  {
    name: 'Hannelore Brandt',
    bio: 'Retired biology teacher with a third of a hectare, nine hens and strong views on peat.',
  },
  { name: 'Rhys Pritchard', bio: 'Postman, father, slow walker. Writes on the backs of undeliverable envelopes.' },
  { name: 'Piet de Graaf', bio: 'Runs a bicycle workshop in Utrecht and a repair café in whatever hall will have it.' },
  {
    name: 'Lucía Ferrán',
    bio: 'Translator and balcony farmer. Believes that most things can be mended on the stairs.',
  },
  { name: 'Samuel Okonjo', bio: 'Writes software, bakes at night, and would rather that the two did not meet.' },
  { name: 'Agnes Kowalczyk' },
  { name: 'Ben Hartley' },
  { name: 'Chiara Moretti' },
  { name: 'Daniel Osei' },
  { name: 'Eilidh Fraser' },
  { name: 'Farid Haddad' },
  { name: 'Greta Nyström' },
  { name: 'Hiroshi Tanabe' },
  { name: 'Ines Carvalho' },
  { name: 'Jonas Petersen' },
  { name: 'Katarina Novák' },
  { name: 'Leon Achterberg' },
  { name: 'Mairead O’Sullivan' },
  { name: 'Nikhil Rao' },
  { name: 'Odile Marchand' },
  { name: 'Pavel Dvořák' },
  { name: 'Quentin Barlow' },
  { name: 'Rosa Jiménez' },
  { name: 'Stefan Vogt' },
  { name: 'Tamsin Clarke' },
  { name: 'Ulrike Sommer' },
  { name: 'Viktor Halász' },
  { name: 'Wanjiru Kamau' },
  { name: 'Yusuf Demir' },
];
