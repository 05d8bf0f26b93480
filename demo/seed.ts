import type { EntityManager } from 'typeorm';
import { Conversation } from './conversation.ts';
import { Article, Author, Comment, Vote, type VoteKind } from './models.ts';
import { Deck, Random } from './random.ts';
import { people } from './text/people.ts';
import type { ArticleText, TopicText } from './text/topic-text.ts';
import { topics } from './text/topics.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FIRST_ARTICLE = Date.UTC(2026, 3, 2, 7, 30);
const BETWEEN_ARTICLES = 9 * 24 * HOUR;

type Row<T> = Partial<T>;

/** Fills an empty database with the same rows at every start. */
export async function seed(manager: EntityManager): Promise<void> {
  const random = new Random(20_261_121);
  const authors: Row<Author>[] = people.map(({ name, bio }, index) => ({ id: index + 1, name, bio: bio ?? null }));
  const articles: Row<Article>[] = [];
  const comments: Row<Comment>[] = [];
  const votes: Row<Vote>[] = [];

  const conversation = new Conversation(random);
  const topical = new Map(topics.map((topic) => [topic, new Deck(topic.comments, random)]));

  for (const { topic, article } of inTurns(topics)) {
    const id = articles.length + 1;
    const publishedAt = FIRST_ARTICLE + articles.length * BETWEEN_ARTICLES + random.between(0, 10) * HOUR;
    articles.push({
      id,
      title: article.title,
      topic: topic.topic,
      standfirst: article.standfirst,
      text: article.paragraphs.join('\n\n'),
      publishedAt: new Date(publishedAt),
      authorId: personId(article.by),
    });

    const speakers = new Deck(
      people.filter(({ name }) => name !== article.by),
      random,
    );
    let at = publishedAt;
    const said = conversation.about(article.comments, topical.get(topic) as Deck<string>, () => speakers.draw().name);
    for (const { name, text } of said) {
      at += random.between(20, 900) * MINUTE;
      const likes = Math.floor(random.next() ** 2 * 12);
      const dislikes = random.chance(0.2) ? random.between(1, 2) : 0;
      const comment = { id: comments.length + 1, articleId: id, authorId: personId(name), text, likes, dislikes };
      comments.push({ ...comment, createdAt: new Date(at) });
      const vote = (kind: VoteKind): Row<Vote> => {
        return { commentId: comment.id, kind, createdAt: new Date(at + random.between(5, 600) * MINUTE) };
      };
      votes.push(...Array.from({ length: likes }, () => vote('like')));
      votes.push(...Array.from({ length: dislikes }, () => vote('dislike')));
    }
  }

  await insert(manager, Author, authors);
  await insert(manager, Article, articles);
  await insert(manager, Comment, comments);
  await insert(manager, Vote, votes);
}

/** The id that somebody in `people.ts` gets. */
function personId(name: string): number {
  const index = people.findIndex((person) => person.name === name);
  if (index === -1) throw new Error(`nobody in people.ts is called ${name}`);
  return index + 1;
}

/** The first article of every topic, then the second of every topic, and so on. */
function* inTurns(all: readonly TopicText[]): Generator<{ topic: TopicText; article: ArticleText }> {
  const most = Math.max(...all.map((topic) => topic.articles.length));
  for (let round = 0; round < most; round++) {
    for (const topic of all) {
      const article = topic.articles[round];
      if (article !== undefined) yield { topic, article };
    }
  }
}

/** In portions, because a statement takes a limited number of parameters. */
async function insert<T extends object>(manager: EntityManager, model: new () => T, rows: Row<T>[]): Promise<void> {
  for (let start = 0; start < rows.length; start += 200) {
    await manager.insert(model, rows.slice(start, start + 200) as never);
  }
}
