/** As in MongoDB's package `bson`, whose values say what they are by `_bsontype`. */
abstract class Value {
  abstract get _bsontype(): string;
}

export class ObjectId extends Value {
  readonly #hex: string;
  constructor(hex: string) {
    super();
    this.#hex = hex;
  }
  get _bsontype() {
    return 'ObjectId';
  }
  get id(): Uint8Array {
    return Buffer.from(this.#hex, 'hex');
  }
  /** Mongoose adds this. */
  get _id(): this {
    return this;
  }
  toHexString(): string {
    return this.#hex;
  }
  override toString(): string {
    return this.#hex;
  }
}

/** Long, Decimal128, Int32 and Double are numbers as text. */
export class NumberValue extends Value {
  readonly #type: string;
  readonly #text: string;
  constructor(type: string, text: string) {
    super();
    this.#type = type;
    this.#text = text;
  }
  get _bsontype() {
    return this.#type;
  }
  override toString(): string {
    return this.#text;
  }
}

export class Binary extends Value {
  readonly buffer: Buffer;
  readonly sub_type: number;
  constructor(hex: string, subType = 0) {
    super();
    this.buffer = Buffer.from(hex, 'hex');
    this.sub_type = subType;
  }
  get _bsontype() {
    return 'Binary';
  }
  override toString(encoding: BufferEncoding = 'utf8'): string {
    return this.buffer.toString(encoding);
  }
}

export class UUID extends Binary {
  constructor(hex: string) {
    super(hex, 4);
  }
  toHexString(): string {
    return this.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
}

export class MinKey extends Value {
  get _bsontype() {
    return 'MinKey';
  }
}
