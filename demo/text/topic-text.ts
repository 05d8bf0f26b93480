/** One article as written, with the comments that only make sense below this one. */
export interface ArticleText {
  readonly title: string;
  /** The name of somebody in `people.ts`. */
  readonly by: string;
  readonly standfirst: string;
  readonly paragraphs: readonly string[];
  readonly comments: readonly string[];
}

/** What the blog has to say about one topic, and what readers say below any article on it. */
export interface TopicText {
  readonly topic: string;
  readonly articles: readonly ArticleText[];
  readonly comments: readonly string[];
}
