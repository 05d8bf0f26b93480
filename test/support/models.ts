export class Article {
  readonly id: number;
  title: string;
  constructor(id: number, title = `Article <${id}>`) {
    this.id = id;
    this.title = title;
  }
}

export class Comment {
  readonly id: number;
  text: string;
  constructor(id: number, text = `Comment & ${id}`) {
    this.id = id;
    this.text = text;
  }
}
