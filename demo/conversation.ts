import { Deck, type Random } from './random.ts';
import { closings, openings, replies } from './text/talk.ts';

/** What is said below the articles, put together from the pieces in `text/`. */
export class Conversation {
  readonly #random: Random;
  readonly #openings: Deck<string>;
  readonly #closings: Deck<string>;
  readonly #replies: Deck<string>;

  constructor(random: Random) {
    this.#random = random;
    this.#openings = new Deck(openings, random);
    this.#closings = new Deck(closings, random);
    this.#replies = new Deck(replies, random);
  }

  /**
   * One article's comments, oldest first.
   * @param own what only fits below this article; each is used once
   * @param topical draws what fits below any article on its topic
   * @param speaker draws the name of whoever speaks next
   */
  about(own: readonly string[], topical: Deck<string>, speaker: () => string): { name: string; text: string }[] {
    const length = this.#random.between(11, 22);
    const kinds = this.#random.shuffled([...own, ...Array<undefined>(length - own.length).fill(undefined)]);
    const said: { name: string; text: string }[] = [];
    for (const ownText of kinds) {
      const name = speaker();
      const previous = said.filter((comment) => comment.name !== name).at(-1);
      if (ownText === undefined && previous !== undefined && this.#random.chance(0.3)) {
        said.push({ name, text: this.#replies.draw().replaceAll('{name}', firstName(previous.name)) });
      } else {
        said.push({ name, text: this.#framed(ownText ?? topical.draw()) });
      }
    }
    return said;
  }

  #framed(text: string): string {
    const before = this.#random.chance(0.25) ? `${this.#openings.draw()} ` : '';
    const after = this.#random.chance(0.2) ? ` ${this.#closings.draw()}` : '';
    return `${before}${text}${after}`;
  }
}

function firstName(name: string): string {
  return name.split(' ')[0] ?? name;
}
